"""Stores and the agent's image, as an administrator configures them."""

from .object_store import ACCESS_KEY_ID, SECRET_ACCESS_KEY

STORE = "main"
BUCKET = "checkpoints"
PREFIX = "training"
SECRET = "checkpoint-store"
KEYS = {"access-key-id": ACCESS_KEY_ID, "secret-access-key": SECRET_ACCESS_KEY}


def configuration(store, directory, agent_image=None, authority=None):
    """What the operator's configuration file says of one store. The operator has its own copy of
    the keys, in `directory`; pods read them from a Secret of their namespace. `authority` is the
    PEM file of whom to trust besides the system's.
    """
    folder = directory / "store-keys"
    folder.mkdir(exist_ok=True)
    for name, value in KEYS.items():
        (folder / name).write_text(value)
    access = {
        "credentials": {"directory": str(folder)},
        "pods": {"credentials": {"secret": SECRET}},
    }
    main = {
        "name": STORE,
        "bucket": BUCKET,
        "prefix": PREFIX,
        "region": store.region,
        "endpoint": store.endpoint,
        **access,
    }
    if authority:
        main["caFile"] = str(authority)
    agent = {"agent": {"image": agent_image}} if agent_image else {}
    return {"stores": [main], **agent}


def allow_uploads(world):
    """The Secret from which the pods of the world's namespace write to the store."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET},
        "stringData": KEYS,
    }
    world.api.create(f"/api/v1/namespaces/{world.namespace}/secrets", secret)
