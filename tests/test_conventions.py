"""A stack's names are data: found, preferred, overridden."""

import pytest

from obsnb.conventions import DEFAULT
from obsnb.errors import SettingsError


def test_a_container_names_the_service_rather_than_the_exporter_that_reports_on_it():
    assert DEFAULT.service_of({"job": "cadvisor", "container": "orders"}) == "orders"
    assert DEFAULT.service_of({"job": "orders", "service": "shop"}) == "orders"
    assert DEFAULT.service_of({"service": "orders"}) == "orders"
    assert DEFAULT.service_of({"namespace": "prod"}) is None


def test_a_proxys_or_an_exporters_job_is_not_the_service_that_its_metric_is_about():
    proxy = {"job": "envoy-stats", "container": "istio-proxy", "destination_workload": "orders"}
    assert DEFAULT.service_of(proxy) == "orders"
    assert DEFAULT.service_of({"job": "kafka-exporter", "consumergroup": "invoicing"}) == "invoicing"
    assert DEFAULT.service_of({"job": "spring", "application": "orders"}) == "orders"


def test_an_alias_is_the_service_it_stands_for():
    names = DEFAULT.override({"service_aliases": {"orders-db.internal": "orders-db"}})
    assert names.service_of({"service_name": "orders-db.internal"}) == "orders-db"


def test_an_unknown_level_gives_way_to_the_next_place():
    assert DEFAULT.level_of({"detected_level": "unknown"}, {"severity_text": "WARN"}) == "warn"
    assert DEFAULT.level_of({}, {}) is None


def test_scope_keys_are_translated_for_each_signal_by_what_the_server_has():
    assert DEFAULT.scope_name("namespace", "traces") == "resource.service.namespace"
    known = ["resource.k8s.namespace.name"]
    assert DEFAULT.scope_name("namespace", "traces", known) == "resource.k8s.namespace.name"
    assert DEFAULT.scope_name("team", "logs") == "team"


@pytest.mark.parametrize(
    ("line", "service", "version"),
    [
        ("deployment orders rolled out version=1.8.0 by=ci", "orders", "1.8.0"),
        ("2026 - deploy - INFO - deployment a-b rolled back version=v2.1 by=x", "a-b", "2.1"),
        ("Deployed checkout to v3.0.1", "checkout", "3.0.1"),
        ("Scaled up replica set cart-7d9f8b6c54 to 3", "cart", None),
    ],
)
def test_a_deployment_is_found_in_a_line_with_its_service_and_version(line, service, version):
    found = DEFAULT.deployment_in(line)
    assert found is not None
    assert found["service"] == service
    assert found.groupdict().get("version") == version


def test_a_line_about_no_deployment_is_none():
    assert DEFAULT.deployment_in("request finished GET /deployments status=200") is None


def test_an_unknown_field_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError) as caught:
        DEFAULT.override({"servce_labels": ["x"]})
    assert str(caught.value).startswith(
        "[conventions] has no field 'servce_labels'.\nHint: The fields are scope, "
    )


def test_a_value_of_the_wrong_form_is_refused():
    with pytest.raises(SettingsError) as caught:
        DEFAULT.override({"slow_s": "fast"})
    assert str(caught.value) == (
        "[conventions] slow_s = 'fast' has the wrong form.\n"
        "Hint: Names are a list of text, slow_s is a number, service_aliases and scope are tables."
    )


def test_the_repr_names_what_was_changed():
    assert repr(DEFAULT) == "Conventions(default)"
    assert repr(DEFAULT.override({"slow_s": 2})) == "Conventions(changed: slow_s)"
