"""Tests of the recipes in docs/recipes.md, which run in a service that has taken them up."""
