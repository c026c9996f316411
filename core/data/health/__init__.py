"""The health check: findings about a data set that a person should see before training."""

from core.data.health.check import check as check
from core.data.health.findings import Finding as Finding
from core.data.health.findings import HealthReport as HealthReport
