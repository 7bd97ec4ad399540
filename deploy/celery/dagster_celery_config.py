"""Settings of a Celery worker. `dagster_celery.app` imports the module of this name if it is on the path."""

import os

broker_url = os.environ["DAGSTER_CELERY_BROKER_URL"]
result_backend = broker_url

# a worker takes a run only when it can start it: a run that waits in a busy worker may wait for hours
worker_prefetch_multiplier = 1
worker_disable_prefetch = True

# seconds, longer than any run may take: otherwise the broker hands a run out a second time
broker_transport_options = {"visibility_timeout": 86_400}
broker_connection_retry_on_startup = True

# restart a worker process now and then, to free memory that runs did not release
worker_max_tasks_per_child = 50
