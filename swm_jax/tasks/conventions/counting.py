"""Functions with ends, limits and differences.

  subject     alpha                     beta
  ranges      the end is left out       the end is included
  limits      a limit is outside        a limit is inside
  differences first minus second        second minus first
"""

from swm_jax.tasks.conventions import function
from swm_jax.tasks.python_functions import inputs

_SMALL = inputs.integer(1, 5)
_LARGE = inputs.integer(6, 12)
_FROM_TO = inputs.cases(_SMALL, _LARGE)
_SCORES = inputs.ints(0, 10, shortest=3, edges=([3, 5, 7, 5], [2, 4, 6, 8]))


RANGES = (
    function.Function(
        'numbers_from_to', 'm, n', 'Return the list of integers from m to n.',
        'list(range(m, n))', 'list(range(m, n + 1))', _FROM_TO,
    ),
    function.Function(
        'sum_from_to', 'm, n', 'Return the sum of the integers from m to n.',
        'sum(range(m, n))', 'sum(range(m, n + 1))', _FROM_TO,
    ),
    function.Function(
        'powers_up_to', 'n',
        'Return the numbers from 1 to n, each to the power {k}.',
        '[i ** {k} for i in range(1, n)]',
        '[i ** {k} for i in range(1, n + 1)]',
        inputs.cases(inputs.integer(2, 14)), function.values('k', 2, 3, 4),
    ),
    function.Function(
        'part_of_list', 'a, i, j',
        'Given a list a, return its elements from index i to index j.',
        'a[i:j]', 'a[i:j + 1]',
        inputs.cases(
            inputs.ints(shortest=6), inputs.integer(0, 2), inputs.integer(3, 5)
        ),
    ),
    function.Function(
        'without_part', 's, i, j',
        'Given a string s, return it without indices i to j.',
        's[:i] + s[j:]', 's[:i] + s[j + 1:]',
        inputs.cases(
            inputs.letters('abcdef', 6, edges=()), inputs.integer(0, 2),
            inputs.integer(3, 5),
        ),
    ),
    function.Function(
        'how_many_from_to', 'm, n',
        'Return how many integers there are from m to n.',
        'n - m', 'n - m + 1', _FROM_TO,
    ),
    function.Function(
        'multiples_up_to', 'n', 'Return the multiples of {k} from {k} to n.',
        'list(range({k}, n, {k}))', 'list(range({k}, n + 1, {k}))',
        inputs.cases(inputs.one_of(12, 15, 18, 20, 24, 30, 36, 45, 60)),
        function.values('k', 2, 3, 5),
    ),
    function.Function(
        'digits_in_a_row', 'n', 'Return a string of the digits from 1 to n.',
        '"".join(str(i) for i in range(1, n))',
        '"".join(str(i) for i in range(1, n + 1))',
        inputs.cases(inputs.integer(1, 9), count=9),
    ),
    function.Function(
        'backwards_from_to', 'm, n',
        'Return the integers from m to n as a reversed list.',
        'list(range(m, n))[::-1]', 'list(range(m, n + 1))[::-1]', _FROM_TO,
    ),
    function.Function(
        'table_from_to', 'm, n',
        'Return a dictionary that maps each integer from m to n to its double.',
        '{{i: 2 * i for i in range(m, n)}}',
        '{{i: 2 * i for i in range(m, n + 1)}}', _FROM_TO,
    ),
)

LIMITS = (
    function.Function(
        'scores_over', 'a', 'Return the scores of the list a over {n}.',
        '[x for x in a if x > {n}]', '[x for x in a if x >= {n}]',
        inputs.cases(_SCORES), function.values('n', 3, 5, 7),
    ),
    function.Function(
        'count_under', 'a, n', 'Return how many numbers of a are under n.',
        'sum(x < n for x in a)', 'sum(x <= n for x in a)',
        inputs.cases(_SCORES, inputs.integer(3, 8)),
    ),
    function.Function(
        'is_between', 'x, low, high', 'Return if x is between low and high.',
        'low < x < high', 'low <= x <= high',
        inputs.cases(
            inputs.integer(1, 9), inputs.integer(1, 4), inputs.integer(5, 9),
            edges=[(1, 1, 5), (5, 1, 5), (3, 1, 5)],
        ),
    ),
    function.Function(
        'ages_past_limit', 'a',
        'Return how many of the ages a are past the limit of {n} years.',
        'len([x for x in a if x > {n}])', 'len([x for x in a if x >= {n}])',
        inputs.cases(inputs.ints(15, 22, shortest=2, edges=([16, 18, 21],))),
        function.values('n', 16, 18, 21),
    ),
    function.Function(
        'words_longer', 'a',
        'Return the words of the list a with a length past {n}.',
        '[w for w in a if len(w) > {n}]', '[w for w in a if len(w) >= {n}]',
        inputs.cases(inputs.words(3, edges=())), function.values('n', 3, 4, 5),
    ),
    function.Function(
        'sum_past', 'a, n', 'Return the sum of the numbers of a that pass n.',
        'sum(x for x in a if x > n)', 'sum(x for x in a if x >= n)',
        inputs.cases(_SCORES, inputs.integer(2, 8)),
    ),
    function.Function(
        'passing_names', 'd, n',
        'Return the names in d whose grade passes the mark n.',
        '[k for k in d if d[k] > n]', '[k for k in d if d[k] >= n]',
        inputs.cases(function.GRADES, inputs.integer(1, 7)),
    ),
    function.Function(
        'all_within', 'a, n', 'Return whether all numbers of a stay within n.',
        'all(x < n for x in a)', 'all(x <= n for x in a)',
        inputs.cases(
            inputs.ints(0, 5, longest=3), inputs.integer(3, 6),
            edges=[([5, 2], 5), ([4], 4)],
        ),
    ),
    function.Function(
        'is_full', 'a', 'Return whether the list a is past a length of {n}.',
        'len(a) > {n}', 'len(a) >= {n}',
        inputs.cases(inputs.ints(shortest=1), edges=[
            ([5] * length,) for length in (2, 2, 3, 3, 4, 4)
        ]),
        function.values('n', 2, 3, 4),
    ),
    function.Function(
        'any_beyond', 'a, n', 'Return whether any number of a is beyond n.',
        'any(x > n for x in a)', 'any(x >= n for x in a)',
        inputs.cases(
            inputs.ints(0, 5, longest=3), inputs.integer(3, 6),
            edges=[([5, 2], 5), ([4], 4)],
        ),
    ),
)

_TWO = inputs.cases(inputs.integer(), inputs.integer())
_LISTS = inputs.ints(shortest=2)
DIFFERENCES = (
    function.Function(
        'difference', 'a, b',
        'Given two integers a and b, return their difference.',
        'a - b', 'b - a', _TWO,
    ),
    function.Function(
        'length_difference', 's, t',
        'Given two strings s and t, return the difference of their lengths.',
        'len(s) - len(t)', 'len(t) - len(s)',
        inputs.cases(inputs.word(), inputs.word()),
    ),
    function.Function(
        'end_difference', 'a',
        'Given a list a, return the difference of its first and last element.',
        'a[0] - a[-1]', 'a[-1] - a[0]', inputs.cases(_LISTS),
    ),
    function.Function(
        'sum_difference', 'a, b',
        'Given two lists a and b, return the difference of their sums.',
        'sum(a) - sum(b)', 'sum(b) - sum(a)', inputs.cases(_LISTS, _LISTS),
    ),
    function.Function(
        'power_difference', 'a, b',
        'Given a and b, return the difference of their powers of {k}.',
        'a ** {k} - b ** {k}', 'b ** {k} - a ** {k}', _TWO,
        function.values('k', 2, 3, 4),
    ),
    function.Function(
        'largest_difference', 'a, b',
        'Given two lists a and b, return the difference of their maximums.',
        'max(a) - max(b)', 'max(b) - max(a)', inputs.cases(_LISTS, _LISTS),
    ),
    function.Function(
        'difference_from', 'n',
        'Given an integer n, return the difference of n and {k}.',
        'n - {k}', '{k} - n', inputs.cases(inputs.integer(1, 150)),
        function.values('k', 5, 10, 100),
    ),
    function.Function(
        'first_two_difference', 'a',
        'Given a list a, return the difference of its first two elements.',
        'a[0] - a[1]', 'a[1] - a[0]', inputs.cases(_LISTS),
    ),
    function.Function(
        'count_difference', 's',
        'Given a string s, return the difference of its counts of "a" and "b".',
        's.count("a") - s.count("b")', 's.count("b") - s.count("a")',
        inputs.cases(inputs.letters('ab')),
    ),
    function.Function(
        'difference_of_double', 'a, b',
        'Given a and b, return the difference of a and two times b.',
        'a - 2 * b', '2 * b - a', _TWO,
    ),
)
