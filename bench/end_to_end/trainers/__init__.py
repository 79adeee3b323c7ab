"""Trainers, each as its own users run it, on the same work.

Every module has `open_trainer(job) -> Trainer`. All cut random resized crops and flip them, but the
course script, which is as it is; none validates, saves or logs. What a loader is like is said in
bench/loading/peers.
"""
