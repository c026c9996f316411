"""What a person should know about a data set before training on it."""

from core.data.health.check import check as check
from core.data.health.findings import Finding as Finding
from core.data.health.findings import HealthReport as HealthReport
