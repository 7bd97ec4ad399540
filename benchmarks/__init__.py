"""The same work for this project and for other tools, side by side: `make bench`.

Each contestant is a script in `contestants`, independent of the others. The other modules:

- `data` and `server`: the shop's records, and the API that serves them
- `lineup` and `environments`: who takes part in which task, and the packages that each contestant needs
- `runs` and `measure`: one run of a contestant, and what it costs
- `table_digests`: compares the loaded tables with the records
- `report` and `chart`: the results as Markdown and as SVG
- `cold`, `scaling` and `big_table`: measurements of this project alone, commands of their own
"""
