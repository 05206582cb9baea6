"""`sessioncast doctor`: why does it not work from here? The ways of the page, one after another."""
