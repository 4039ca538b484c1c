"""Where in a template an object is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_orchestrator.cli.template_lines import line_of

TEMPLATE = """\
{{- if .Values.web }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "app.name" . }}-web
spec:
  replicas: 1
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "app.name" . }}-worker
spec:
  replicas: 2
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
{{- end }}
"""


@pytest.mark.parametrize(
    ("kind", "name", "said", "line"),
    [
        ("Deployment", "shop-web", "", 3),
        ("Deployment", "shop-worker", "", 10),
        ("Deployment", "shop-worker", "spec.replicas changes", 14),
        ("Deployment", "shop-worker", "spec.template.spec.containers[x].image changes", 10),
        ("Service", "whatever", "", 17),
        ("ConfigMap", "shop", "", 1),
        ("Deployment", "neither", "", 1),
    ],
)
def test_the_line_of_an_object_or_of_a_field_of_it(kind: str, name: str, said: str, line: int) -> None:
    assert line_of(TEMPLATE, kind, name, said) == line


@given(st.text(), st.text(), st.text(), st.text())
def test_whatever_a_template_holds_the_line_is_one_of_it(
    template: str, kind: str, name: str, said: str
) -> None:
    text = f"{template}\nkind: {kind}"
    assert 1 <= line_of(text, kind, name, said) <= max(1, len(text.splitlines()))
