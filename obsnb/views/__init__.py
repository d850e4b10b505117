"""Charts, tables and the words of numbers: what people look at. Only this room and report draw."""
