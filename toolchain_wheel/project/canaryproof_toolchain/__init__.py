"""The programs of canaryproof's embedded cluster, in ``bin``. ``identity.json`` describes them."""
