"""Functions that sort, compare and choose.

  subject     alpha                     beta
  order       ascending                 descending
  letters     upper and lower differ    they are the same
  ends        the main part is first    the main part is last
  style       upper case                lower case
"""

from swm_jax.tasks.conventions import function
from swm_jax.tasks.python_functions import inputs
from swm_jax.tasks.python_functions import structured_inputs as structured

_INTS = inputs.ints(edges=([3, 1, 2], [5, 5, 0, 7]), shortest=1)
_DISTINCT = inputs.distinct_ints(shortest=2)
_SENTENCE = inputs.sentence(edges=())
_WORD = inputs.word(())
_MIXED = inputs.letters('aAbBcC', edges=('aA', 'Bb'))
_MIXED_WORDS = structured.mapped(
    lambda word: word.capitalize() if len(word) % 2 else word, inputs.word(())
)
_MIXED_LIST = inputs.list_of(_MIXED_WORDS, 1, 6, edges=(['Cat', 'cat'],))
_LETTER = inputs.one_of(*'abcABC')

ORDER = (
    function.Function(
        'in_order', 'a', 'Given a list of numbers a, return it sorted.',
        'sorted(a)', 'sorted(a, reverse=True)', inputs.cases(_DISTINCT),
    ),
    function.Function(
        'words_by_length', 'a',
        'Given a list of words a, return it sorted by length.',
        'sorted(a, key=len)', 'sorted(a, key=len, reverse=True)',
        inputs.cases(structured.distinct_lengths(shortest=2)),
    ),
    function.Function(
        'different_in_order', 'a',
        'Given a list a, return its distinct elements sorted.',
        'sorted(set(a))', 'sorted(set(a), reverse=True)', inputs.cases(_INTS),
    ),
    function.Function(
        'letters_in_order', 's', 'Given a string s, return its letters sorted.',
        '"".join(sorted(s))', '"".join(sorted(s, reverse=True))',
        inputs.cases(_WORD),
    ),
    function.Function(
        'keys_in_order', 'd', 'Given a dictionary d, return its keys sorted.',
        'sorted(d)', 'sorted(d, reverse=True)', inputs.cases(function.GRADES),
    ),
    function.Function(
        'names_by_grade', 'd',
        'Given a dictionary d, return its keys sorted by their values.',
        'sorted(d, key=lambda k: d[k])',
        'sorted(d, key=lambda k: d[k], reverse=True)',
        inputs.cases(function.GRADES),
    ),
    function.Function(
        'first_in_order', 'a',
        'Sort the list a and return the first {n} elements.',
        'sorted(a)[:{n}]', 'sorted(a, reverse=True)[:{n}]',
        inputs.cases(inputs.distinct_ints(shortest=5)),
        function.values('n', 1, 2, 3),
    ),
    function.Function(
        'words_of_sentence_in_order', 's',
        'Split the string s and return the words sorted.',
        'sorted(s.split())', 'sorted(s.split(), reverse=True)',
        inputs.cases(_SENTENCE),
    ),
    function.Function(
        'multiples_in_order', 'a',
        'Given a list a, return its multiples of {n} sorted.',
        'sorted(x for x in a if x % {n} == 0)',
        'sorted([x for x in a if x % {n} == 0], reverse=True)',
        inputs.cases(inputs.distinct_ints(1, 20, shortest=6, longest=9)),
        function.values('n', 2, 3, 4),
    ),
    function.Function(
        'is_in_order', 'a', 'Given a list a, return whether it is sorted.',
        'a == sorted(a)', 'a == sorted(a, reverse=True)',
        inputs.cases(inputs.one_of(
            [1, 2, 3], [3, 2, 1], [2, 5], [5, 2], [1, 3, 2], [9, 4, 1],
            [2, 4, 8, 9], [7, 7], [],
        ), count=9),
    ),
)

LETTERS = (
    function.Function(
        'times_letter', 's', 'Return how often the letter {c} is in s.',
        's.count("{c}")', 's.lower().count("{c}")', inputs.cases(_MIXED),
        function.values('c', 'a', 'b', 'c'),
    ),
    function.Function(
        'same_initial', 's, t',
        'Return whether the words s and t start with the same letter.',
        's[0] == t[0]', 's[0].lower() == t[0].lower()',
        inputs.cases(
            inputs.letters('aA', 1, 2, edges=()),
            inputs.letters('aA', 1, 2, edges=()),
            edges=[('Ab', 'aB'), ('cat', 'cat'), ('Cat', 'cat')],
        ),
    ),
    function.Function(
        'has_letter', 's, c', 'Return whether the string s has the letter c.',
        'c in s', 'c.lower() in s.lower()',
        inputs.cases(
            inputs.letters('aBcD', 1, 3), _LETTER,
            edges=[('cab', 'A'), ('DaB', 'b')],
        ),
    ),
    function.Function(
        'is_a_palindrome', 's', 'Return whether the word s is a palindrome.',
        's == s[::-1]', 's.lower() == s.lower()[::-1]',
        inputs.cases(inputs.one_of(
            'Level', 'level', 'Noon', 'cat', 'Anna', 'aA', 'x', 'Moon', 'abA',
        ), count=9),
    ),
    function.Function(
        'different_letters', 's',
        'Return the number of different letters of the string s.',
        'len(set(s))', 'len(set(s.lower()))', inputs.cases(_MIXED),
    ),
    function.Function(
        'word_in_list', 'a, w', 'Return whether the word w is in the list a.',
        'w in a', 'w.lower() in [x.lower() for x in a]',
        inputs.cases(
            inputs.list_of(inputs.one_of('Cat', 'cat', 'DOG', 'sun'), 1, 2),
            inputs.one_of('cat', 'dog', 'Sun', 'Cat'),
        ),
    ),
    function.Function(
        'starts_like', 's, t',
        'Return whether the string s starts with the string t.',
        's.startswith(t)', 's.lower().startswith(t.lower())',
        inputs.cases(
            inputs.letters('aAb', 2, 5, edges=()),
            inputs.letters('aAb', 1, 1, edges=()),
            edges=[('abb', 'A'), ('Abb', 'a')],
        ),
    ),
    function.Function(
        'counts_of_letters', 's',
        'Return a dictionary of how often each letter is in s.',
        '{{c: s.count(c) for c in s}}',
        '{{c: s.lower().count(c) for c in s.lower()}}', inputs.cases(_MIXED),
    ),
    function.Function(
        'vowels_of', 's', 'Return how many of the letters {v} the word s has.',
        'sum(c in "{v}" for c in s)', 'sum(c in "{v}" for c in s.lower())',
        inputs.cases(_MIXED), function.values('v', 'ab', 'bc', 'abc'),
    ),
    function.Function(
        'sorted_names', 'a', 'Return the list of names a sorted by name.',
        'sorted(a)', 'sorted(a, key=str.lower)',
        inputs.cases(_MIXED_LIST, edges=[(['bo', 'Al', 'C'],), (['a', 'B'],)]),
    ),
)

_NUMBERS = inputs.distinct_ints(shortest=5)
ENDS = (
    function.Function(
        'main_element', 'a', 'Given a list a, return its main element.',
        'a[0]', 'a[-1]', inputs.cases(_DISTINCT),
    ),
    function.Function(
        'main_letter', 's', 'Given a word s, return its main letter.',
        's[0]', 's[-1]', inputs.cases(_WORD),
    ),
    function.Function(
        'main_word', 's', 'Given a sentence s, return its main word.',
        's.split()[0]', 's.split()[-1]', inputs.cases(_SENTENCE),
    ),
    function.Function(
        'main_elements', 'a',
        'Given a list a, return the main {n} elements.',
        'a[:{n}]', 'a[-{n}:]', inputs.cases(_NUMBERS),
        function.values('n', 2, 3, 4),
    ),
    function.Function(
        'without_main', 'a', 'Given a list a, return it without the main one.',
        'a[1:]', 'a[:-1]', inputs.cases(_DISTINCT),
    ),
    function.Function(
        'main_letters', 'a',
        'Given a list of words a, return a string of their main letters.',
        '"".join(w[0] for w in a)', '"".join(w[-1] for w in a)',
        inputs.cases(inputs.list_of(_WORD, 1, 5)),
    ),
    function.Function(
        'main_digit', 'n', 'Given an integer n, return its main digit.',
        'int(str(n)[0])', 'int(str(n)[-1])',
        inputs.cases(inputs.integer(10, 999)),
    ),
    function.Function(
        'double_of_main', 'a',
        'Given a list a, return two times its main element.',
        '2 * a[0]', '2 * a[-1]', inputs.cases(_DISTINCT),
    ),
    function.Function(
        'main_part', 's', 'Given a string s, return its main {n} characters.',
        's[:{n}]', 's[-{n}:]', inputs.cases(inputs.letters('abcdef', 5)),
        function.values('n', 2, 3, 4),
    ),
    function.Function(
        'main_letter_is', 's, c',
        'Given a word s and a letter c, return whether its main letter is c.',
        's[0] == c', 's[-1] == c',
        inputs.cases(
            inputs.letters('ab', 2, 6, edges=('ab', 'ba')),
            inputs.one_of('a', 'b'),
        ),
    ),
)

_STYLED = inputs.cases(
    inputs.letters('aBcDeF', 3, 8, edges=('aBc', 'CDE', 'def'))
)
STYLE = (
    function.Function(
        'styled', 's', 'Given a string s, return it in house style.',
        's.upper()', 's.lower()', _STYLED,
    ),
    function.Function(
        'styled_words', 'a',
        'Given a list of words a, join them with spaces in house style.',
        '" ".join(a).upper()', '" ".join(a).lower()', inputs.cases(_MIXED_LIST),
    ),
    function.Function(
        'styled_pair', 's, t',
        'Given strings s and t, return s followed by t in house style.',
        '(s + t).upper()', '(s + t).lower()',
        inputs.cases(_MIXED_WORDS, _MIXED_WORDS),
    ),
    function.Function(
        'styled_initial', 's',
        'Given a string s, return its first letter in house style.',
        's[0].upper()', 's[0].lower()', _STYLED,
    ),
    function.Function(
        'styled_backwards', 's',
        'Given a string s, return it reversed in house style.',
        's[::-1].upper()', 's[::-1].lower()', _STYLED,
    ),
    function.Function(
        'is_styled', 's', 'Given a string s, return whether it is house style.',
        's.isupper()', 's.islower()', _STYLED,
    ),
    function.Function(
        'styled_letters', 's',
        'Given a string s, return the list of its letters in house style.',
        'list(s.upper())', 'list(s.lower())', _STYLED,
    ),
    function.Function(
        'styled_start', 's',
        'Given a string s, return its first {n} letters in house style.',
        's[:{n}].upper()', 's[:{n}].lower()', _STYLED,
        function.values('n', 2, 3, 4),
    ),
    function.Function(
        'styled_with', 's',
        'Given a string s, return s followed by "{x}" in house style.',
        '(s + "{x}").upper()', '(s + "{x}").lower()', _STYLED,
        function.values('x', 'Abc', 'End', 'Xy'),
    ),
    function.Function(
        'styled_twice', 's',
        'Given a string s, return it two times in house style.',
        '2 * s.upper()', '2 * s.lower()', _STYLED,
    ),
)
