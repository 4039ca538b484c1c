"""What the pipeline is partitioned by: environment × tenant, both read from the fleet."""

import dagster as dg

environments = dg.DynamicPartitionsDefinition(name="environment")
tenants = dg.DynamicPartitionsDefinition(name="tenant")
deployments = dg.MultiPartitionsDefinition({"environment": environments, "tenant": tenants})


def partition_key(environment: str, tenant: str) -> dg.MultiPartitionKey:
    """The partition of one tenant in one environment."""
    return dg.MultiPartitionKey({"environment": environment, "tenant": tenant})


def deployment_of(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> tuple[str, str]:
    """The environment and the tenant that a run is about."""
    key = context.partition_key
    if not isinstance(key, dg.MultiPartitionKey):
        raise dg.Failure(f"expected a partition of environment and tenant, not {key!r}")
    return key.keys_by_dimension["environment"], key.keys_by_dimension["tenant"]
