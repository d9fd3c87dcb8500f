"""The programs of the C++ suite: they read a line and print."""

from swm_jax.tasks import cpp_template
from swm_jax.tasks.python_functions import inputs

_program = cpp_template.program
_ONE = inputs.cases(inputs.integer(-12, 24, edges=(0, 1)))
_SMALL = inputs.cases(inputs.integer(1, 9, edges=(1, 2)))
_TWO = inputs.cases(
    inputs.integer(-12, 24), inputs.integer(-12, 24), edges=((0, 0), (3, 3))
)
_WORD = inputs.cases(inputs.word(edges=('a', 'level')))

_PROGRAMS = (
    _program(
        'print_sum', 'int a, int b', 'Read two integers and print their sum.',
        'cout << a + b << endl;', _TWO, 'str(a + b)',
    ),
    _program(
        'print_product', 'int a, int b',
        'Read two integers and print their product.',
        'cout << a * b << endl;', _TWO, 'str(a * b)',
    ),
    _program(
        'print_smaller', 'int a, int b',
        'Read two integers and print the smaller one.',
        'cout << min(a, b) << endl;', _TWO, 'str(min(a, b))',
    ),
    _program(
        'print_parity', 'int n',
        'Read a positive integer and print "even" or "odd".',
        'cout << (n % 2 == 0 ? "even" : "odd") << endl;',
        _SMALL, '"odd" if n % 2 else "even"',
    ),
    _program(
        'count_up', 'int n',
        'Read a positive integer n and print the numbers from $c to n, one on '
        'a line.',
        'for (int i = $c; i <= n; i++) {\n    cout << i << endl;\n}',
        _SMALL, '"\\n".join(str(i) for i in range($c, n + 1))', c=(1, 0),
    ),
    _program(
        'print_cube', 'int n',
        'Read an integer and print its cube.',
        'cout << n * n * n << endl;', _ONE, 'str(n ** 3)',
    ),
    _program(
        'print_greeting', 'string name',
        'Read a name and print "$c", a space and the name.',
        'cout << "$c " << name << endl;', _WORD, '"$c " + name',
        c=('Hello', 'Welcome', 'Dear'),
    ),
    _program(
        'print_twice', 'string word',
        'Read a word and print it two times on one line, with a space between.',
        'cout << word << " " << word << endl;', _WORD, 'word + " " + word',
    ),
    _program(
        'print_letters', 'string word',
        'Read a word and print each of its letters on a line of its own.',
        'for (char c : word) {\n    cout << c << endl;\n}',
        _WORD, '"\\n".join(word)',
    ),
    _program(
        'print_word_length', 'string word',
        'Read a word and print how many letters it has.',
        'cout << word.size() << endl;', _WORD, 'str(len(word))',
    ),
    _program(
        'print_order', 'int a, int b',
        'Read two integers and print "yes" if the first is greater than the '
        'second, otherwise print "no".',
        'cout << (a > b ? "yes" : "no") << endl;',
        _TWO, '"yes" if a > b else "no"',
    ),
    _program(
        'print_stars', 'int n',
        'Read a positive integer n and print a line of n characters "$c".',
        'cout << string(n, \'$c\') << endl;', _SMALL, '"$c" * n',
        c=('*', '#', '+'),
    ),
    _program(
        'print_kilometres', 'int n',
        'Read a number of $a and print how many $b that is.',
        'cout << n * $c << endl;', _ONE, 'str(n * $c)',
        a=('kilometres', 'hours', 'weeks'), b=('metres', 'minutes', 'days'),
        c=(1000, 60, 7),
    ),
)

TEMPLATES = {'programs': _PROGRAMS}
