"""How a Celery worker runs Dagster's runs: `dagster_celery.app` imports a module of this name where it finds one."""

import os

broker_url = os.environ["DAGSTER_CELERY_BROKER_URL"]
result_backend = broker_url

# a worker takes a run when it has a place for it: one that waits in a busy worker waits behind hours of work
worker_prefetch_multiplier = 1
worker_disable_prefetch = True

# longer than any run may take, or the broker hands a run out a second time
broker_transport_options = {"visibility_timeout": 86_400}
broker_connection_retry_on_startup = True

# memory that a run left behind goes back now and then
worker_max_tasks_per_child = 50
