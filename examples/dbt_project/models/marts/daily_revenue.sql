-- One row per day and currency.
select
    ordered_on,
    currency,
    count(*) as orders,
    sum(total) as revenue
from {{ ref('stg_orders') }}
group by ordered_on, currency
