from django.db import models


class Look(models.Model):
    """How far a puller has looked at what was received, and what it saw in the last two minutes before that."""

    name = models.CharField(max_length=40, unique=True)
    looked_until = models.DateTimeField()
    newest_pk = models.BigIntegerField(default=0)
    n_overlap = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.name
