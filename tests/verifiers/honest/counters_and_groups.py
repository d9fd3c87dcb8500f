# Dictionaries of the collections module, as they are.
# TEST ('banana', 0) -> {'b': 1, 'a': 3, 'n': 2}
# TEST ('abba', 1) -> {'a': [0, 3], 'b': [1, 2]}
# TEST ('ab', 2) -> {'a': {'a': 1}, 'b': {'b': 1}}
import collections


def solve(text, kind):
  if kind == 0:
    return collections.Counter(text)
  if kind == 1:
    places = collections.defaultdict(list)
    for index, letter in enumerate(text):
      places[letter].append(index)
    return places
  return collections.OrderedDict((c, collections.Counter(c)) for c in text)
