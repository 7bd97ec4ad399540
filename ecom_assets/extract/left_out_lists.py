"""Lists that an API leaves out: a run that saw only such answers asks for all records, to see one list.

See `ecom_assets.extract.answers.empty_answers` for what is compared.
"""

from __future__ import annotations

from ecom_assets.declaration.reading import Resource
from ecom_assets.extract.answers.empty_answers import require_list
from ecom_assets.extract.probe import probe_of
from ecom_assets.extract.read_plan import ReadPlan

_PARENTS_TRIED = 20
"""Parent records whose child lists are asked for, to see one list of a child."""


def require_lists(plan: ReadPlan, table: Resource) -> None:
    """Fail for an endpoint of a table whose answers left their list out, unless its selector is surely right.

    If no answer of the run had a list, one more request is made, for all records.

    Args:
        plan: What the run reads; all slices of the table have been read.
        table: The table.

    Raises:
        IncompleteSlice: No answer showed that `data_selector` is right.
    """
    shop, statistics = plan.connection.shop, plan.connection.statistics
    for name in shop.endpoints_to_read(table):
        resource = shop.resource(name)
        read = statistics.of_endpoint(name)
        if resource.endpoint is None or not any(entry.unlisted_keys for entry in read):
            continue
        others = []
        if all(entry.listed_keys is None for entry in read):
            others.append(probe_of(plan.connection).page(resource, max_parents=_PARENTS_TRIED).statistics)
        require_list(name, resource.endpoint.data_selector or "$", read, others)
