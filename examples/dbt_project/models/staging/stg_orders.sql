-- One row per order that was not cancelled, with the amount as an exact number.
select
    id as order_id,
    cast(total as decimal(18, 4)) as total,
    currency,
    cast(created_at at time zone 'UTC' as date) as ordered_on
from {{ source('myshop', 'orders') }}
where status <> 'cancelled'
