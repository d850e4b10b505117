"""Kinds of databases, as OpenTelemetry's ``db.system`` and ``db.system.name`` have them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["DIALECTS", "NOT_SQL"]

#: OpenTelemetry's db.system names → sqlglot's dialects.
DIALECTS: Mapping[str, str] = {
    "postgresql": "postgres",
    "postgres": "postgres",
    "cockroachdb": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "mssql": "tsql",
    "microsoft.sql_server": "tsql",
    "oracle": "oracle",
    "oracle.db": "oracle",
    "sqlite": "sqlite",
    "clickhouse": "clickhouse",
    "snowflake": "snowflake",
    "redshift": "redshift",
    "aws.redshift": "redshift",
    "bigquery": "bigquery",
    "gcp.bigquery": "bigquery",
    "gcp.spanner": "bigquery",
    "spanner": "bigquery",
    "hive": "hive",
    "spark": "spark",
    "trino": "trino",
    "presto": "presto",
    "duckdb": "duckdb",
    "databricks": "databricks",
    "teradata": "teradata",
}
#: Those that take no SQL.
NOT_SQL = frozenset(
    {
        "redis",
        "valkey",
        "memcached",
        "mongodb",
        "elasticsearch",
        "opensearch",
        "dynamodb",
        "aws.dynamodb",
        "couchdb",
        "couchbase",
        "cosmosdb",
        "azure.cosmosdb",
        "neo4j",
        "hbase",
        "geode",
        "influxdb",
        "etcd",
        "milvus",
        "actian.pinecone",
    }
)
