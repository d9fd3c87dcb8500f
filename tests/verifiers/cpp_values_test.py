"""Tests of values as words for C++ functions and back."""

import math

from hypothesis import given
from hypothesis import strategies as st
import pytest

from swm_jax.verifiers import cpp_values


@pytest.mark.parametrize(('text', 'full'), [
    ('int', 'int'), ('long  long', 'long long'), ('int64_t', 'long long'),
    ('string', 'std::string'), ('std::string', 'std::string'),
    ('vector<vector<int>>', 'std::vector<std::vector<int>>'),
    ('std::vector< std::vector<bool> >', 'std::vector<std::vector<bool>>'),
])
def test_types(text, full):
  assert cpp_values.cpp_type(text) == full


@pytest.mark.parametrize('text', [
    '', 'map<int>', 'int; x', 'vector<int', 'int>', 'vector<>', 'int *',
    'vector<' * 9 + 'int' + '>' * 9,
])
def test_other_types_are_refused(text):
  with pytest.raises(ValueError, match='no type of a function case'):
    cpp_values.cpp_type(text)


@pytest.mark.parametrize(('value', 'kind', 'words'), [
    (-12, 'int', ['-12']),
    (-(1 << 63), 'long long', ['-9223372036854775808']),
    (True, 'bool', ['1']),
    (1.0, 'double', ['3ff0000000000000']),
    (1, 'double', ['3ff0000000000000']),
    ('a b', 'std::string', ['s612062']),
    ('', 'std::string', ['s']),
    ('x', 'char', ['s78']),
    ([[1], []], 'std::vector<std::vector<int>>', ['2', '1', '1', '0']),
])
def test_arguments(value, kind, words):
  assert cpp_values.words(value, kind) == words


@pytest.mark.parametrize(('value', 'kind'), [
    (1.0, 'int'), (True, 'int'), (1, 'bool'), ('1', 'int'), (1 << 31, 'int'),
    (1 << 63, 'long long'), ('xy', 'char'), ('é', 'char'), ('', 'char'),
    ([1.5], 'std::vector<int>'), ({1}, 'std::vector<int>'), (None, 'int'),
    (True, 'double'), (1, 'std::string'), ('\ud800', 'std::string'),
])
def test_arguments_of_another_type_are_refused(value, kind):
  with pytest.raises(ValueError):
    cpp_values.words(value, kind)


@pytest.mark.parametrize(('words', 'value'), [
    (['i-7'], -7), (['b1'], True), (['r4000000000000000'], 2.0),
    (['s'], ''), (['sc3a9'], 'é'), (['sff'], '\udcff'), (['v0'], []),
    (['v2', 'v1', 'i1', 'v0'], [[1], []]),
])
def test_answers(words, value):
  got = cpp_values.answer(words)
  assert got == value and type(got) is type(value)


def test_reals_keep_every_bit():
  assert math.isnan(cpp_values.answer(['r7ff8000000000000']))
  assert math.copysign(1, cpp_values.answer(['r8000000000000000'])) == -1


@pytest.mark.parametrize('words', [
    [], [''], ['7'], ['i'], ['i07'], ['i+7'], ['i1_0'], ['i٣'], ['b2'],
    ['r40'], ['R4000000000000000'], ['s6'], ['sFF'], ['v1'], ['v2', 'i1'],
    ['i1', 'i1'], ['v0', ''], ['v1000000'], ['!memory'],
    ['v1'] * 100 + ['i1'], ['i' + '9' * 21],
])
def test_other_answers_are_malformed(words):
  with pytest.raises(cpp_values.Malformed):
    cpp_values.answer(words)


@given(st.lists(st.text(alphabet='ibrsv0129af-', max_size=18), max_size=6))
def test_words_are_an_answer_or_malformed(words):
  try:
    cpp_values.answer(words)
  except cpp_values.Malformed:
    pass


def test_expectations_have_the_type_of_the_result():
  assert type(cpp_values.expectation(1, 'double')) is float
  found = cpp_values.expectation(((1, 2), ()), 'std::vector<std::vector<int>>')
  assert found == [[1, 2], []]
