"""The tests of the template itself; the tests of a generated service are in template/tests."""
