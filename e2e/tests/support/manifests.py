"""The objects that a user would write, with short arguments."""

API_VERSION = "spillway.dev/v1alpha1"
SPOT_TAINT = {"key": "e2e.spillway.dev/spot", "value": "true", "effect": "NoSchedule"}
ON_DEMAND_PRICE = "3.06"


def capacity_pool(
    name,
    *,
    tier,
    model,
    zone,
    selector,
    max_nodes,
    per_node=1,
    instance_type="p3.2xlarge",
    fixed=None,
    feed=None,
    on_demand=ON_DEMAND_PRICE,
    tolerations=(),
):
    price = {"fixed": fixed} if fixed is not None else {"feed": feed}
    if on_demand is not None:
        price["onDemand"] = on_demand
    return {
        "apiVersion": API_VERSION,
        "kind": "CapacityPool",
        "metadata": {"name": name},
        "spec": {
            "tier": tier,
            "accelerator": {"model": model, "perNode": per_node},
            "instanceType": instance_type,
            "location": {"provider": "aws", "region": zone[:-1], "zone": zone},
            "nodes": {
                "selector": selector,
                "max": max_nodes,
                "tolerations": [dict(toleration) for toleration in tolerations],
            },
            "price": price,
        },
    }


def training_job(name, *, model, replicas=1, per_replica=1, annotations=None, **spec):
    """`annotations` are those of the pods, by which e2e/cluster/stages.yaml plays the program."""
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingJob",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "accelerator": {"models": [{"name": model}], "perReplica": per_replica},
            "duration": "30m",
            **spec,
            "template": pod_template("trainer", annotations),
        },
    }


def inference_pool(name, *, model, replicas=1, per_replica=1, annotations=None, **spec):
    return {
        "apiVersion": API_VERSION,
        "kind": "InferencePool",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "accelerator": {"models": [{"name": model}], "perReplica": per_replica},
            "service": {"port": 80, "targetPort": 8000},
            **spec,
            "template": pod_template("server", annotations),
        },
    }


def pod_template(container, annotations=None):
    return {
        "metadata": {"annotations": annotations or {}},
        "spec": {
            "terminationGracePeriodSeconds": 30,
            "containers": [
                {
                    "name": container,
                    "image": f"registry.example/{container}:1",
                    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
                }
            ],
        },
    }


def runs_for(seconds, exit_code=0):
    """Pods whose program ends by itself so long after their start."""
    return {
        "simulate.spillway.dev/run-seconds": str(seconds),
        "simulate.spillway.dev/exit-code": str(exit_code),
    }


def stops_in(seconds):
    """Pods that take so long to end when they are told to."""
    return {"simulate.spillway.dev/stop-seconds": str(seconds)}
