"""The scale subresource, as autoscalers use it."""


def put_scale(inference, replicas):
    """Reads scale and writes it back with another number, as client-go's scale client does for
    HorizontalPodAutoscalers and KEDA. Returns the HTTP status.
    """
    scale = inference.scale()
    scale["spec"]["replicas"] = replicas
    status, text = inference.world.api.request("PUT", f"{inference.path}/scale", scale)
    assert status == 200, text
    return status


def replicas_are_left_alone(inference):
    """Fails if the operator has written anything of the object but its status: by the audit log,
    and by who owns which field.
    """
    written = [w for w in inference.world.writes() if w.resource == "inferencepools"]
    assert written, "the operator has written no status; is the audit log read?"
    assert {w.subresource for w in written} == {"status"}, [str(w) for w in written]
    for entry in inference.get()["metadata"]["managedFields"]:
        if entry["manager"].startswith("spillway"):
            assert set(entry["fieldsV1"]) == {"f:status"}, entry
