"""Timed figures: each module measures one thing and prints what it compared it with."""
