"""Makes the wheel ``canaryproof-toolchain``, which contains the built programs of the embedded cluster.

- :mod:`programs` collects the programs that the toolchain builds, and checks that they run without other files.
- :mod:`licences` collects the licences of the Go modules in them.
- :mod:`materials` has cyclonedx-gomod write a software bill of materials for each program.
- :mod:`packing` writes the description of the programs and has hatchling make the wheel from ``project``.

The same programs give the same bytes: hatchling sorts the files, and their times are constant.
"""
