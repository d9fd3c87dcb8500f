# TEST (3,) -> 9
solve = lambda n: n ** 2
