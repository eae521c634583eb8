"""The documents: their links, names, commands, figures and promises."""
