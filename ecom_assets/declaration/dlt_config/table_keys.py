"""The keys of dlt's configuration that shape tables: resources, columns, contracts, references, dispositions."""

from __future__ import annotations

from ecom_assets.declaration.dlt_config.key import (
    DltSection,
    as_it_is,
    in_our_way,
    no_effect,
    only_in_python,
    refused,
)

_BOOLEAN = {"type": "boolean"}
_LAYOUT = "The warehouses here keep tables without this layout, as dlt does on them."
_INTERNAL = "dlt sets it for tables that it makes itself"

RESOURCE = DltSection(
    "The resource",
    "resources[]",
    ("EndpointResource", "EndpointResourceBase"),
    (
        in_our_way(
            "name",
            "The table has it in lower snake_case, as in dlt: `variantTypes` makes `variant_types`. The path stays as "
            "written. A function is refused.",
        ),
        in_our_way(
            "endpoint",
            "A mapping, or its path alone. Without it, the path is the resource's name, as in dlt.",
        ),
        in_our_way(
            "include_from_parent", "Fields of the parent's record; columns read them as `_<parent>_<field>`."
        ),
        in_our_way(
            "max_table_nesting",
            "`0`: undeclared objects and lists are JSON. Unless given, undeclared objects become columns and lists are "
            "JSON. No other number is taken, because nested lists never become tables by themselves.",
            "0, or a resource with rows_from for each nested list that is to be a table",
            takes=(0,),
        ),
        as_it_is(
            "selected", "False: the endpoint is read for its children and has neither a table nor an asset."
        ),
        no_effect(
            "parallelized",
            "Every endpoint is read by several workers; `policy.concurrency: 1` reads one slice at a time.",
            schema=_BOOLEAN,
        ),
        only_in_python(
            "processing_steps",
            "Functions that change, drop or split records before the contract. A record is rejected if one of them "
            "raises.",
            "path, pii and schema_contract in a file, or rest_api_shop in Python",
        ),
        in_our_way(
            "write_disposition",
            "A word or a mapping. A load that is repeated does not repeat rows, with `append` neither.",
        ),
        as_it_is("primary_key", "The columns that identify a record."),
        in_our_way(
            "columns",
            "A mapping by name, or a list of columns with `name`. A pydantic model or a function is refused.",
        ),
        in_our_way("schema_contract", "A mapping, or `evolve` or `freeze` for all of it."),
        refused(
            "table_name",
            "a table has the name of its resource, so that its asset and its ledger rows are found by it",
            "name",
        ),
        refused(
            "parent_table_name",
            "dlt needs it for tables that its normalizer skips, and there are none here",
            "rows_from for a list within records",
        ),
        refused(
            "table_format",
            "the warehouse decides how tables are stored",
            "ECOM_WAREHOUSE, such as ducklake for Parquet files",
        ),
        refused("file_format", "each warehouse stages rows in the format that it loads fastest", "nothing"),
        refused(
            "merge_key",
            "rows are replaced by their primary key, and those of a child by the key of their parent's record",
            "primary_key",
        ),
        in_our_way(
            "references",
            "Each pair of columns becomes the column's `references`, and is checked in the warehouse. The columns must "
            "be declared.",
            schema={"type": "array", "items": {"type": "object"}},
        ),
        refused(
            "nested_hints",
            "nested lists become tables only where you declare them",
            "a resource with rows_from, and the hints as its keys",
        ),
    ),
)

DISPOSITION = DltSection(
    "The write disposition as a mapping",
    "resources[].write_disposition",
    (
        "TWriteDispositionDict",
        "TMergeDispositionDict",
        "TDeleteInsertStrategyDict",
        "TUpsertStrategyDict",
        "TScd2StrategyDict",
        "TCdcStrategyDict",
    ),
    (
        as_it_is("disposition", "`merge`, `replace` or `append`, as the word alone."),
        in_our_way(
            "strategy",
            "`delete-insert`, `upsert` or `scd2` with `merge`. The project writes the history of `scd2` itself.",
            "delete-insert, upsert or scd2",
            takes=("delete-insert", "upsert", "scd2"),
        ),
        refused(
            "source_filter",
            "every record that was read is loaded or rejected, and counted",
            "endpoint.params, so that the API filters",
        ),
        refused(
            "destination_scope",
            "a load changes the rows of its own windows or keys only",
            "nothing",
        ),
        refused("deduplicated", "records with the same primary key are always found", "nothing"),
        as_it_is("validity_column_names", "With `scd2`: the names of the two columns of a state."),
        as_it_is(
            "active_record_timestamp", "With `scd2`: the end of a state that is valid now; null unless given."
        ),
        refused(
            "boundary_timestamp",
            "a state is valid from its cursor, or from the end of its reading; one fixed instant would be wrong for "
            "every load but one",
            "nothing",
        ),
        as_it_is(
            "row_version_column_name",
            "With `scd2` and without `incremental`: the column that tells states apart.",
        ),
        refused("skip_unchanged_rows", "the rows are the same with or without it", "nothing"),
    ),
)

PROCESSING_STEPS = DltSection(
    "Processing steps",
    "resources[].processing_steps[]",
    ("ProcessingSteps",),
    (
        only_in_python(
            "filter", "Drops the records for which it returns false. They are counted.", "a Python function"
        ),
        only_in_python("map", "Returns the record to load in place of another.", "a Python function"),
        only_in_python("yield_map", "Yields any number of records in place of one.", "a Python function"),
    ),
)

COLUMN = DltSection(
    "Columns",
    "columns.*",
    ("TColumnSchema",),
    (
        in_our_way(
            "name",
            "The key of the mapping, or `name` in a list. The column has it in lower snake_case, as in dlt, and takes "
            "the field whose name becomes the same.",
        ),
        in_our_way(
            "data_type",
            "dlt's types except `wei`. For `wei`, use `decimal` with precision 38 and scale 0. Without it, the column "
            "is undeclared: its type is inferred, and the other keys are obeyed.",
        ),
        as_it_is(
            "nullable",
            "False rejects records without a value. Without `data_type`, the column of the table may be null "
            "nevertheless.",
        ),
        in_our_way("precision", "Digits of a decimal. Other types have no precision."),
        in_our_way("scale", "Digits of a decimal after the point."),
        in_our_way(
            "timezone",
            "`true` as in dlt: instants are in UTC. A name is the zone of values without an offset. `false` is "
            "refused.",
            "true or the name of a time zone; instants are always stored in UTC",
        ),
        refused("x-normalizer", _INTERNAL, "nothing"),
        as_it_is("description", "What the column means."),
        in_our_way(
            "partition",
            "The day of a date or a timestamp, of several the first. For warehouses that partition tables, such as "
            "BigQuery.",
        ),
        in_our_way("cluster", "For warehouses that cluster tables, such as BigQuery."),
        refused(
            "unique",
            "only the primary key is unique in a table, since a warehouse would fail a whole load for one value",
            "primary_key",
        ),
        no_effect("sort", _LAYOUT, schema=_BOOLEAN),
        in_our_way(
            "primary_key",
            "`true` makes the column part of the resource's `primary_key`.",
            "the same columns as in the resource's primary_key",
            schema=_BOOLEAN,
        ),
        refused("row_key", _INTERNAL, "primary_key"),
        refused("parent_key", _INTERNAL, "rows_from with include_from_parent"),
        refused("root_key", _INTERNAL, "rows_from with include_from_parent"),
        refused(
            "merge_key",
            "rows are replaced by their primary key, and those of a child by the key of their parent's record",
            "primary_key",
        ),
        refused("variant", _INTERNAL, "another column with a path of its own"),
        refused(
            "hard_delete",
            "no load removes a row for a flag, because a wrong flag would take rows with it",
            "the flag as a column to filter by, or deletes: sweep",
        ),
        in_our_way(
            "dedup_sort",
            "`desc` on the cursor: of several records with one key, the greatest cursor stays. This always holds.",
            "desc on the column of cursor_path; without a cursor, the last record stays",
            takes=("desc",),
            schema={"enum": ["desc", None]},
        ),
        refused(
            "incremental",
            "dlt sets it for the cursor",
            "endpoint.incremental.cursor_path with the column's path",
        ),
    ),
)

CONTRACT_MODES = DltSection(
    "Modes of a schema contract",
    "schema_contract",
    ("TSchemaEvolutionMode",),
    (
        in_our_way(
            "evolve",
            "Alone: undeclared fields become columns. An undeclared column that meets another type gets a wider one; "
            "no column `<name>__v_<type>` is made.",
        ),
        refused(
            "discard_value",
            "alone it would also drop values of a wrong type, and load the rest of the record as if nothing "
            "were missing",
            "{columns: discard_value}; a record with a value of a wrong type goes to rejected_rows",
        ),
        in_our_way("freeze", "Alone: undeclared fields fail the resource, wrong types reject the record."),
        refused(
            "discard_row",
            "alone it would drop whole records for an undeclared field",
            "{columns: discard_value} or {columns: freeze}",
        ),
    ),
)
SCHEMA_CONTRACT = DltSection(
    "The schema contract",
    "schema_contract",
    ("TSchemaContractDict",),
    (
        no_effect(
            "tables",
            "Every mode: no table appears that is not declared.",
            "evolve, discard_value, freeze or discard_row",
            takes=("evolve", "discard_value", "freeze", "discard_row"),
            schema={"enum": ["evolve", "discard_value", "freeze", "discard_row", None]},
        ),
        in_our_way(
            "columns",
            "`evolve`, `discard_value` (counted) or `freeze` (fails the resource). `discard_row` is refused, because "
            "it would drop whole records.",
            "evolve, discard_value or freeze; discard_row would drop whole records for an undeclared field",
            takes=("evolve", "discard_value", "freeze"),
        ),
        in_our_way(
            "data_type",
            "`freeze` and `discard_row`: a record with a value of a wrong type goes to `rejected_rows`, and the others "
            "load. `evolve`: an undeclared column gets a wider type. `discard_value` is refused.",
            "evolve or freeze; discard_value would load the rest of the record as if nothing were missing",
            takes=("freeze", "discard_row", "evolve"),
        ),
    ),
)

REFERENCE = DltSection(
    "References",
    "resources[].references[]",
    ("TTableReferenceInline",),
    (
        no_effect("label", "The warehouse does not store it.", schema={"type": "string"}),
        no_effect("cardinality", "The warehouse does not store it.", schema={"type": "string"}),
        in_our_way("columns", "The columns of this table, one for each of `referenced_columns`."),
        in_our_way("referenced_table", "The name of another resource."),
        in_our_way("referenced_columns", "The declared columns of that resource."),
        in_our_way("table", "The resource itself.", "the resource's own name, or nothing"),
    ),
)

TABLE_SECTIONS = (RESOURCE, DISPOSITION, PROCESSING_STEPS, COLUMN, CONTRACT_MODES, SCHEMA_CONTRACT, REFERENCE)
