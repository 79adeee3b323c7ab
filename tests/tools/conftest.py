"""What tests of tools share with those of training."""

from tests.train.conftest import one_thread

__all__ = ["one_thread"]
