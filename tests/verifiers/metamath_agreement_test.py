"""The Metamath kernel against Debian's `metamath` on databases that it ships.

Both get the same text, right or damaged, and must refuse the same theorems.
"""

import os
import random
import re
import shutil
import subprocess
import tempfile

from absl.testing import parameterized
import pytest

from swm_jax.verifiers import metamath_database
from swm_jax.verifiers import metamath_kernel

_FOLDER = '/usr/share/metamath/databases'
_PROGRAM = shutil.which('metamath')
_REFUSED = re.compile(
    r'\?Error on line \d+ of file \S+ at statement \d+, label "(\S+)", type'
)

# Every kind of statement, in and out of blocks.
_SMALL = """
$c ( ) -> wff |- $. $v p q r $.
wp $f wff p $. wq $f wff q $.
wi $a wff ( p -> q ) $.
k $a |- ( p -> ( q -> p ) ) $.
${ mp.1 $e |- p $. mp.2 $e |- ( p -> q ) $. mp $a |- q $. $}
${ $d p q $. apart $a |- ( p -> q ) $. $}
${ $v s $. wr $f wff r $. ws $f wff s $. $d r s p $.
  ${ h $e |- r $. weak $p |- ( s -> r ) $= wr ws wr wi h wr ws k mp $. $}
  two $p |- ( r -> s ) $= ( apart ) ABC $.
$}
${ $v s $. wr2 $f wff r $. ws2 $f wff s $.
  t $p |- ( ( r -> s ) -> ( ( r -> s ) -> ( r -> s ) ) ) $=
    ( wi k ) ABCZED $.
$}
"""
# Texts that the program takes and the book forbids.
_LENIENT = (
    # "Z is placed immediately after the least-significant digit".
    'u $p wff ( p -> q ) $= ( wi ) ABCZZ $.',
    # "White space must surround the parentheses".
    'u $p wff ( p -> q ) $= (wi) ABC $.',
    # The five white space characters leave the vertical tab out.
    'u $p wff p\x0b $= wp $.',
    # "The type declared by a $f statement for a given label is global".
    '$c set $. ${ $v z $. a $f wff z $. $} ${ $v z $. b $f set z $. $}',
    # A $f "must occur before a $e statement in which its variable occurs".
    '${ g $e |- r $. wr3 $f wff r $. $}',
)

pytestmark = pytest.mark.skipif(
    _PROGRAM is None or not os.path.isdir(_FOLDER),
    reason='needs the Debian packages metamath and metamath-databases',
)


def _database(name):
  with open(f'{_FOLDER}/{name}.mm', encoding='ascii') as stream:
    return stream.read()


def _program(text, *commands):
  """Runs `metamath` on a text; returns what it says, on one line."""
  with tempfile.TemporaryDirectory() as folder:
    with open(f'{folder}/a.mm', 'w', encoding='utf-8', newline='') as stream:
      stream.write(text)
    done = subprocess.run(
        [_PROGRAM, 'read "a.mm"', *commands, 'exit'],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
    )
    said = ' '.join(done.stdout.split())
    written = f'{folder}/normal.mm'
    if os.path.exists(written):
      with open(written, encoding='ascii') as stream:
        return said, stream.read()
    return said, ''


def _refused_by_program(text):
  """Labels of the theorems whose proofs `metamath` refuses."""
  said, _ = _program(text, 'verify proof *')
  assert 'No errors were found.' in said, said[:2000]  # In reading.
  return set(_REFUSED.findall(said))


def _refused_by_kernel(text):
  database = metamath_database.Database(text)
  refused = set()
  for theorem in database.theorems():
    try:
      metamath_kernel.verify(database, theorem)
    except metamath_kernel.ProofError:
      refused.add(theorem.label)
  return refused


def _in_normal_form(text):
  """The same database with its proofs as lists of labels."""
  return _program(
      text, 'save proof * /normal', 'write source "normal.mm"'
  )[1]


def _damage_letters(draw, letters):
  """Changes one place of a compressed proof."""
  k = draw.randrange(len(letters))
  other = draw.choice('ABCDEFGHIJKLUVZ')
  kind = draw.choice(('replace', 'delete', 'insert', 'swap', 'copy'))
  if kind == 'replace':
    return letters[:k] + other + letters[k + 1 :]
  if kind == 'delete':
    return letters[:k] + letters[k + 1 :]
  if kind == 'insert':
    return letters[:k] + other + letters[k:]
  if kind == 'swap':
    return letters[:k] + letters[k : k + 2][::-1] + letters[k + 2 :]
  j = draw.randrange(len(letters))
  return letters[:k] + letters[j] + letters[k + 1 :]


def _damage_labels(draw, labels, others):
  """Changes one place of a list of labels."""
  labels = list(labels)
  k = draw.randrange(len(labels))
  kind = draw.choice(('replace', 'exchange', 'delete', 'insert', 'swap'))
  if kind == 'replace':
    labels[k] = draw.choice(others)
  elif kind == 'exchange':
    labels[k] = draw.choice(labels)
  elif kind == 'delete':
    del labels[k]
  elif kind == 'insert':
    labels.insert(k, draw.choice(others))
  else:
    labels[k : k + 2] = labels[k : k + 2][::-1]
  return labels


def _damage_proofs(text, seed, share):
  """Returns a database with a share of its proofs changed in one place."""
  draw = random.Random(seed)
  others = list(metamath_database.Database(text).statements) + ['nobody']
  changed = 0

  def damage(match):
    nonlocal changed
    proof = match.group(1).split()
    if draw.random() > share:
      return match.group()
    changed += 1
    if proof[0] != '(':
      proof = _damage_labels(draw, proof, others)
    else:
      close = proof.index(')')
      letters = ''.join(proof[close + 1 :])
      if close > 1 and draw.random() < 0.3:
        proof[1:close] = _damage_labels(draw, proof[1:close], others)
      else:
        letters = _damage_letters(draw, letters)
      # The program lets a Z follow a Z; see the last test.
      letters = re.sub('Z+', 'Z', letters)
      proof[proof.index(')') + 1 :] = [letters]
    return f'$= {" ".join(proof)} $.'

  text = re.sub(r'\$\((?:.|\n)*?\$\)', '', text)
  return re.sub(r'\$=\s([^$]*)\s\$\.', damage, text), changed


class AgreementTest(parameterized.TestCase):

  @parameterized.parameters(
      ('demo0', 1), ('miu', 1), ('big-unifier', 2), ('peano', 0),
      ('hol', 138), ('ql', 1138), ('nf', 6001),
  )
  def test_shipped_database_is_accepted_by_both(self, name, theorems):
    text = _database(name)
    database = metamath_database.Database(text)
    self.assertLen(list(database.theorems()), theorems)
    self.assertEmpty(_refused_by_kernel(text))
    self.assertEmpty(_refused_by_program(text))

  @parameterized.product(
      name=('demo0', 'big-unifier', 'hol', 'ql'), seed=(0, 1)
  )
  def test_damaged_proofs(self, name, seed):
    for text in (_database(name), _in_normal_form(_database(name))):
      text, changed = _damage_proofs(text, seed, 0.9)
      refused = _refused_by_kernel(text)
      # Some changes leave a right proof.
      self.assertBetween(len(refused), 1, changed)
      self.assertEqual(refused, _refused_by_program(text))

  @pytest.mark.slow
  def test_damaged_proofs_and_restrictions(self):
    # Without their $d statements, proofs that need two variables apart fail.
    draw = random.Random(2)
    text, _ = _damage_proofs(_database('nf'), 2, 0.5)
    fewer = re.sub(
        r'\$d [^$]*\$\.', lambda m: m.group() if draw.random() < 0.7 else '',
        text,
    )
    refused = _refused_by_kernel(fewer)
    self.assertGreater(len(refused), len(_refused_by_kernel(text)))
    self.assertEqual(refused, _refused_by_program(fewer))

  def test_damaged_text_is_refused_by_both(self):
    # One token of a small database is dropped, doubled or exchanged.
    draw = random.Random(3)
    tokens = _SMALL.split()
    kinds = ['$c', '$v', '$f', '$e', '$a', '$p', '$d', '${', '$}', '$.', '$=']
    accepted = 0
    for _ in range(400):
      damaged = list(tokens)
      k = draw.randrange(len(damaged))
      kind = draw.choice(('drop', 'double', 'exchange', 'keyword', 'swap'))
      if kind == 'drop':
        del damaged[k]
      elif kind == 'double':
        damaged.insert(k, damaged[k])
      elif kind == 'exchange':
        damaged[k] = draw.choice(tokens)
      elif kind == 'keyword':
        damaged[k] = draw.choice(kinds)
      else:
        damaged[k : k + 2] = damaged[k : k + 2][::-1]
      text = ' '.join(damaged) + '\n'
      try:
        ours = not _refused_by_kernel(text)
      except metamath_database.MetamathError:
        ours = False
      said, _ = _program(text, 'verify proof *')
      theirs = 'No errors were found.' in said and not _REFUSED.search(said)
      accepted += ours
      self.assertEqual(ours, theirs, f'{kind} {k}: {text}\n{said}')
    self.assertGreater(accepted, 0)

  @parameterized.parameters(*_LENIENT)
  def test_program_is_more_lenient(self, text):
    # The only known differences. If a new version of the program refuses one
    # of these, take it out of the list.
    said, _ = _program(_SMALL + text, 'verify proof *')
    self.assertIn('No errors were found.', said)
    self.assertNotRegex(said, _REFUSED)
    with self.assertRaises(metamath_database.MetamathError):
      database = metamath_database.Database(_SMALL + text)
      for theorem in database.theorems():
        metamath_kernel.verify(database, theorem)

  @parameterized.parameters('ql', 'hol')
  def test_axioms_of_a_theorem(self, name):
    text = _database(name)
    database = metamath_database.Database(text)
    theorems = [s.label for s in database.theorems()][::25]
    said, _ = _program(
        text,
        *(f'show trace_back {label} /axioms' for label in theorems),
    )
    found = re.findall(r'\(\$a statements\): ([^>]*) MM>', said)
    self.assertLen(found, len(theorems))
    for label, listed in zip(theorems, found):
      self.assertEqual(
          metamath_kernel.axioms(database, [label]),
          set(listed.split()) - {'(None)'},
      )

  @pytest.mark.slow
  def test_the_largest_database_is_accepted_by_both(self):
    text = _database('set')
    self.assertGreater(text.count(' $p '), 37_000)
    self.assertEmpty(_refused_by_kernel(text))
    self.assertEmpty(_refused_by_program(text))
