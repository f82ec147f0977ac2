"""What each provider needs of a machine, what this one lacks of it, and the command that closes each gap.

:mod:`facts` is what is known, :mod:`asking` finds it out, :mod:`rules` draws conclusions, :mod:`telling` words them.
"""
