"""The functions of the C++ suite: numbers, decisions, vectors, strings."""

from swm_jax.tasks import cpp_template
from swm_jax.tasks.python_functions import inputs

_function = cpp_template.function
_ONE = inputs.cases(inputs.integer(-12, 24, edges=(0, 1)))
# Decisions turn at one number, so that all of them are tried.
_EVERY = lambda _: [(n,) for n in range(-12, 25)]
_EVERY_NATURAL = lambda _: [(n,) for n in range(61)]
_NATURAL = inputs.cases(inputs.integer(0, 60, edges=(0, 1, 10)))
_SMALL = inputs.cases(inputs.integer(0, 9, edges=(0, 1)))
_TWO = inputs.cases(
    inputs.integer(-12, 24), inputs.integer(-12, 24), edges=((0, 0), (3, 3))
)
_TWO_NATURAL = inputs.cases(
    inputs.integer(0, 20), inputs.integer(0, 20), edges=((0, 0), (3, 3))
)
_INTS = inputs.cases(inputs.ints())
_SOME_INTS = inputs.cases(inputs.ints(shortest=1))
_WORD = inputs.cases(inputs.word())
_SOME_WORD = inputs.cases(inputs.word(edges=('a', 'level')))
_SENTENCE = inputs.cases(inputs.sentence(longest=4))
_TWO_WORDS = inputs.cases(inputs.word(), inputs.word(edges=('a',)))

_ARITHMETIC = (
    _function(
        'int add_constant(int n)', 'Given an integer n, return n plus $c.',
        'n + $c', _ONE, c=(3, 10, 25),
    ),
    _function(
        'int times_constant(int n)',
        'Given an integer n, return n multiplied by $c.',
        'n * $c', _ONE, c=(2, 5, 9),
    ),
    _function(
        'int square_plus(int n)',
        'Given an integer n, return the square of n plus $c.',
        'n * n + $c', _ONE, c=(1, 4, 10),
    ),
    _function(
        'int remainder_of(int n)',
        'Given a non-negative integer n, return the remainder of n divided by '
        '$c.',
        'n % $c', _NATURAL, c=(3, 7, 10),
    ),
    _function(
        'int quotient_of(int n)',
        'Given a non-negative integer n, return n divided by $c, rounded down.',
        'n / $c', _NATURAL, 'n // $c', c=(2, 4, 10),
    ),
    _function(
        'int perimeter(int width, int height)',
        'Return the perimeter of a rectangle of this width and height.',
        '2 * (width + height)', _TWO_NATURAL,
    ),
    _function(
        'int triangle_number(int n)',
        'Return the sum of all integers from 1 to n.',
        'n * (n + 1) / 2', _NATURAL, 'sum(range(n + 1))',
    ),
    _function(
        'int factorial(int n)',
        'Return the factorial of n.',
        'int result = 1;\nfor (int i = 2; i <= n; i++) {\n    result *= i;\n}\n'
        'return result;',
        _SMALL, 'import math\nreturn math.factorial(n)',
    ),
    _function(
        'int power_of(int n)',
        'Given a non-negative integer n, return $c to the power n.',
        'int result = 1;\nfor (int i = 0; i < n; i++) {\n    result *= $c;\n}\n'
        'return result;',
        _SMALL, '$c ** n', c=(2, 3, 5),
    ),
    _function(
        'int total_minutes(int hours, int minutes)',
        'Return how many minutes there are in hours and minutes together.',
        'hours * 60 + minutes', _TWO_NATURAL,
    ),
    _function(
        'double average(int a, int b)',
        'Return the average of a and b as a double.',
        '(a + b) / 2.0', _TWO,
    ),
    _function(
        'int digit_sum(int n)',
        'Given a non-negative integer n, return the sum of its decimal digits.',
        'int sum = 0;\nwhile (n > 0) {\n    sum += n % 10;\n    n /= 10;\n}\n'
        'return sum;',
        inputs.cases(inputs.integer(0, 9999, edges=(0, 7, 100))),
        'sum(map(int, str(n)))',
    ),
    _function(
        'int sum_of_squares(int a, int b)',
        'Return the sum of the squares of a and b.',
        'a * a + b * b', _TWO,
    ),
)

_CONDITIONALS = (
    _function(
        'bool is_multiple(int n)',
        'Given a non-negative integer n, return true if n is divisible by $c.',
        'n % $c == 0', _EVERY_NATURAL, c=(3, 5, 7),
    ),
    _function(
        'bool is_above(int n)',
        'Return true if n is greater than $c, otherwise false.',
        'n > $c', _EVERY, c=(0, 5, 10),
    ),
    _function(
        'bool is_between(int n)',
        'Return true if n is at least $c and at most $d.',
        'n >= $c && n <= $d', _EVERY, '$c <= n <= $d',
        c=(1, 0, -5), d=(10, 9, 5),
    ),
    _function(
        'int larger(int a, int b)',
        'Return the larger of the two integers a and b.',
        'a > b ? a : b', _TWO, 'max(a, b)',
    ),
    _function(
        'int absolute_value(int n)', 'Return the absolute value of n.',
        'n < 0 ? -n : n', _EVERY, 'abs(n)',
    ),
    _function(
        'int sign_of(int n)',
        'Return 1 if n is positive, -1 if n is negative and 0 if n is zero.',
        'if (n > 0) {\n    return 1;\n}\nreturn n < 0 ? -1 : 0;',
        _EVERY, '(n > 0) - (n < 0)',
    ),
    _function(
        'int capped(int n)',
        'Return n, but return $c if n is greater than $c.',
        'n > $c ? $c : n', _EVERY, 'min(n, $c)', c=(8, 12, 20),
    ),
    _function(
        'bool both_positive(int a, int b)',
        'Return true if a and b are both positive.',
        'a > 0 && b > 0', _TWO, 'a > 0 and b > 0',
    ),
    _function(
        'bool same_last_digit(int a, int b)',
        'Return true if the last decimal digits of a and b are the same.',
        'a % 10 == b % 10',
        inputs.cases(
            inputs.integer(0, 99), inputs.integer(0, 99),
            edges=((3, 13), (20, 30), (7, 17)),
        ),
    ),
    _function(
        'bool is_vowel(char c)',
        'Return true if the lower-case letter c is a vowel.',
        "c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u'",
        inputs.cases(inputs.one_of(*'abcdefghijklmnoprstuvxyz',
                                   edges=tuple('aeioub'))),
        "c in 'aeiou'",
    ),
    _function(
        'string size_name(int n)',
        'Return "$a" if n is less than $c, otherwise return "$b".',
        'if (n < $c) {\n    return "$a";\n}\nreturn "$b";',
        _EVERY, '"$a" if n < $c else "$b"',
        a=('small', 'low', 'cold'), b=('big', 'high', 'warm'), c=(10, 5, 15),
    ),
    _function(
        'bool is_prime(int n)', 'Return true if n is a prime number.',
        'if (n < 2) {\n    return false;\n}\n'
        'for (int i = 2; i * i <= n; i++) {\n    if (n % i == 0) {\n'
        '        return false;\n    }\n}\nreturn true;',
        _EVERY_NATURAL, 'n > 1 and all(n % i for i in range(2, n))',
    ),
)

_VECTORS = (
    _function(
        'int sum_all(vector<int> a)',
        'Given a vector of integers a, return the sum of all elements.',
        'int sum = 0;\nfor (int x : a) {\n    sum += x;\n}\nreturn sum;',
        _INTS, 'sum(a)',
    ),
    _function(
        'int count_above(vector<int> a)',
        'Given a vector of integers a, return how many elements are greater '
        'than $c.',
        'int count = 0;\nfor (int x : a) {\n    if (x > $c) {\n'
        '        count++;\n    }\n}\nreturn count;',
        _INTS, 'sum(x > $c for x in a)', c=(0, 4, 8),
    ),
    _function(
        'int sum_multiples(vector<int> a)',
        'Given a vector of integers a, return the sum of the elements that are '
        'divisible by $c.',
        'int sum = 0;\nfor (int x : a) {\n    if (x % $c == 0) {\n'
        '        sum += x;\n    }\n}\nreturn sum;',
        _INTS, 'sum(x for x in a if x % $c == 0)', c=(2, 3, 5),
    ),
    _function(
        'int largest(vector<int> a)',
        'Given a non-empty vector of integers a, return the largest element.',
        '*max_element(a.begin(), a.end())', _SOME_INTS, 'max(a)',
    ),
    _function(
        'int product_all(vector<int> a)',
        'Given a vector of integers a, return the product of all elements.',
        'int product = 1;\nfor (int x : a) {\n    product *= x;\n}\n'
        'return product;',
        inputs.cases(inputs.ints(-4, 6, longest=6)),
        'import math\nreturn math.prod(a)',
    ),
    _function(
        'bool contains(vector<int> a)',
        'Given a vector of integers a, return true if a contains the number '
        '$c.',
        'find(a.begin(), a.end(), $c) != a.end()',
        inputs.cases(inputs.ints(-1, 8)), '$c in a', c=(0, 3, 5),
    ),
    _function(
        'vector<int> reversed_copy(vector<int> a)',
        'Given a vector of integers a, return the elements in reverse order.',
        'reverse(a.begin(), a.end());\nreturn a;', _INTS, 'a[::-1]',
    ),
    _function(
        'vector<int> each_times(vector<int> a)',
        'Given a vector of integers a, return a vector with every element '
        'multiplied by $c.',
        'for (int &x : a) {\n    x *= $c;\n}\nreturn a;',
        _INTS, '[x * $c for x in a]', c=(2, 3, 10),
    ),
    _function(
        'vector<int> keep_below(vector<int> a)',
        'Given a vector of integers a, return the elements that are less than '
        '$c, in the same order.',
        'vector<int> result;\nfor (int x : a) {\n    if (x < $c) {\n'
        '        result.push_back(x);\n    }\n}\nreturn result;',
        _INTS, '[x for x in a if x < $c]', c=(0, 5, 8),
    ),
    _function(
        'vector<int> sorted_copy(vector<int> a)',
        'Given a vector of integers a, return the elements sorted from small '
        'to large.',
        'sort(a.begin(), a.end());\nreturn a;', _INTS, 'sorted(a)',
    ),
    _function(
        'int first_plus_last(vector<int> a)',
        'Given a non-empty vector of integers a, return the first element plus '
        'the last element.',
        'a.front() + a.back()', _SOME_INTS, 'a[0] + a[-1]',
    ),
    _function(
        'int length_plus(vector<int> a)',
        'Given a vector of integers a, return the number of elements plus $c.',
        '(int)a.size() + $c', _INTS, 'len(a) + $c', c=(1, 2, 5),
    ),
    _function(
        'bool all_equal(vector<int> a)',
        'Given a vector of integers a, return true if all elements are equal '
        'to each other.',
        'for (int x : a) {\n    if (x != a[0]) {\n        return false;\n'
        '    }\n}\nreturn true;',
        inputs.cases(inputs.ints(1, 2, edges=([], [4], [2, 2, 2]))),
        'len(set(a)) < 2',
    ),
)

_STRINGS = (
    _function(
        'int length_of(string s)',
        'Given a string s, return the number of its characters.',
        's.size()', _SENTENCE, 'len(s)',
    ),
    _function(
        'string backwards(string s)', 'Given a string s, return s reversed.',
        'reverse(s.begin(), s.end());\nreturn s;', _WORD, 's[::-1]',
    ),
    _function(
        'int count_letter(string s)',
        "Given a string s, return how many times the letter '$c' occurs in s.",
        "count(s.begin(), s.end(), '$c')", _SENTENCE, "s.count('$c')",
        c=('e', 'a', 'o'),
    ),
    _function(
        'string upper_case(string s)',
        'Given a string s, return s in upper case.',
        'for (char &c : s) {\n    c = toupper(c);\n}\nreturn s;',
        _SENTENCE, 's.upper()',
    ),
    _function(
        'string first_letters(string s)',
        'Given a string s, return the first $c characters of s.',
        's.substr(0, $c)', _WORD, 's[:$c]', c=(1, 2, 3),
    ),
    _function(
        'string repeated(string s)',
        'Given a string s, return s repeated $c times.',
        'string result;\nfor (int i = 0; i < $c; i++) {\n    result += s;\n}\n'
        'return result;',
        _WORD, 's * $c', c=(2, 3, 4),
    ),
    _function(
        'bool is_palindrome(string s)',
        'Return true if s reads the same forwards and backwards.',
        's == string(s.rbegin(), s.rend())',
        inputs.cases(
            inputs.one_of(*inputs.WORDS, edges=('', 'noon', 'level', 'aab'))
        ),
        's == s[::-1]',
    ),
    _function(
        'string replace_letter(string s)',
        "Given a string s, return s with every '$a' replaced by '$b'.",
        "replace(s.begin(), s.end(), '$a', '$b');\nreturn s;",
        _WORD, "s.replace('$a', '$b')",
        a=('a', 'e', 'o'), b=('b', '3', '0'),
    ),
    _function(
        'bool starts_with_letter(string s)',
        "Given a string s, return true if s is not empty and its first "
        "character is '$c'.",
        "!s.empty() && s[0] == '$c'",
        inputs.cases(
            inputs.one_of(*inputs.WORDS, edges=(
                '', 'a', 'apple', 'sun', 'sea', 'be', 'banana', 'tabs',
            ))
        ),
        "s.startswith('$c')", c=('a', 's', 'b'),
    ),
    _function(
        'string surround(string s)',
        'Given a string s, return "$a" followed by s followed by "$b".',
        '"$a" + s + "$b"', _WORD,
        a=('(', '<', '['), b=(')', '>', ']'),
    ),
    _function(
        'string remove_letter(string s)',
        "Given a string s, return s without the letter '$c'.",
        "string result;\nfor (char c : s) {\n    if (c != '$c') {\n"
        "        result += c;\n    }\n}\nreturn result;",
        _SENTENCE, "s.replace('$c', '')", c=('e', 'a', 'n'),
    ),
    _function(
        'string join_words(string a, string b)',
        'Return the string a, then "$c", then the string b.',
        'a + "$c" + b', _TWO_WORDS, c=(', ', '-', ' and '),
    ),
    _function(
        'bool same_length(string a, string b)',
        'Return true if the strings a and b have the same length.',
        'a.size() == b.size()',
        inputs.cases(
            inputs.word(), inputs.word(),
            edges=(('cat', 'dog'), ('be', 'sea'), ('apple', 'grape')),
        ),
        'len(a) == len(b)',
    ),
)

TEMPLATES = {
    'arithmetic': _ARITHMETIC,
    'conditionals': _CONDITIONALS,
    'vectors': _VECTORS,
    'strings': _STRINGS,
}
