"""Short questions in plain English that no program can decide.

Everyday knowledge, forms of words, kinds of things, completions, definitions:
each answer is a word or two. There is no tool to run, so a night judges them
by the agreement of an ensemble (`swm_jax.verifiers.ensemble`), which is an
opinion. Where people would agree on an answer, the problem carries it as its
reference, by which that opinion can be measured; the ensemble never sees it.
"""

from collections.abc import Mapping, Sequence
import dataclasses

from swm_jax import types

NAME = 'open_text'
DOMAIN = 'ensemble'
# An answer is one line. The fence ends those that leave out the newline.
STOP_STRINGS = ('\n', '```')
MARK = 'Answer:'
_FENCE = '```text\n'


@dataclasses.dataclass(frozen=True)
class _Ask:
  """One thing asked for.

  Attributes:
    name: of the template, unique in its type.
    question: `str.format` template with one field.
    cases: up to three pairs of what fills the field and the right answers,
      separated by `|`, the usual one first; none where tastes differ.
    family: shared with mirror images, '' for one of its own.
    begin: `str.format` template of how the answer begins.
  """

  name: str
  question: str
  cases: Sequence[tuple[str, str]]
  family: str = ''
  begin: str = ''


# Two worked examples of each type, which are no problems.
_EXAMPLES = {
    'geography': (
        ('What is the capital of Italy?', 'Rome'),
        ('On which continent is Canada?', 'North America'),
    ),
    'words': (
        ('What is the opposite of open?', 'closed'),
        ('What is the plural of foot?', 'feet'),
    ),
    'kinds': (
        ('What is the colour of the sky?', 'blue'),
        ('Is a frog a plant or an animal?', 'animal'),
    ),
    'completion': (
        ('Complete the beginning of the story.', 'once upon a time'),
        ('What do we drink from?', 'We drink water from a glass'),
    ),
    'definitions': (
        ('What do you call a person who grows food?', 'farmer'),
        ('What do we use to open a lock?', 'key'),
    ),
}

_ASKS = {
    'geography': (
        _Ask('capital', 'What is the capital of {}?', (
            ('France', 'Paris'), ('Japan', 'Tokyo'), ('Egypt', 'Cairo'))),
        _Ask('continent', 'On which continent is {}?', (
            ('Kenya', 'Africa'), ('China', 'Asia'), ('Poland', 'Europe'))),
        _Ask('language', 'Which language do people speak in {}?', (
            ('Austria', 'German'), ('Brazil', 'Portuguese'),
            ('Cuba', 'Spanish'))),
        _Ask('currency', 'What is the currency of {}?', (
            ('India', 'rupee|indian rupee'), ('the United States', 'dollar|us '
             'dollar|united states dollar'), ('Britain', 'pound|pound sterling'
             '|british pound'))),
        _Ask('city', 'In which country is the city of {}?', (
            ('Munich', 'Germany'), ('Toronto', 'Canada'),
            ('Sydney', 'Australia')), 'country'),
        _Ask('landmark', 'In which country are {}?', (
            ('the pyramids of Giza', 'Egypt'), ('the Niagara Falls',
             'Canada|United States|Canada and the United States'),
            ('the ruins of Athens', 'Greece')), 'country'),
        _Ask('sight', 'In which city is {}?', (
            ('Big Ben', 'London'), ('the Colosseum', 'Rome'),
            ('the Statue of Liberty', 'New York|New York City'))),
        _Ask('ocean', 'Which ocean lies between {}?', (
            ('Europe and America', 'Atlantic|Atlantic Ocean'),
            ('Africa and Australia', 'Indian|Indian Ocean'),
            ('Asia and America', 'Pacific|Pacific Ocean'))),
        _Ask('people', 'What are the people of {} called?', (
            ('Greece', 'Greeks|Greek'), ('Mexico', 'Mexicans|Mexican'),
            ('Russia', 'Russians|Russian'))),
        _Ask('food', 'Which country invented {}?', (
            ('pizza', 'Italy'), ('sushi', 'Japan'), ('tacos', 'Mexico'))),
        _Ask('river', 'Which river flows through {}?', (
            ('London', 'Thames|River Thames'), ('Vienna', 'Danube'),
            ('Cologne', 'Rhine'))),
        _Ask('mountains', 'In which mountains is {}?', (
            ('Mount Everest', 'Himalayas|Himalaya'), ('Mont Blanc',
             'Alps|French Alps'), ('Aconcagua', 'Andes'))),
        _Ask('state', 'In which American state is {}?', (
            ('Los Angeles', 'California'), ('Miami', 'Florida'),
            ('Houston', 'Texas'))),
        _Ask('wildlife', 'In which country do wild {} live?', (
            ('pandas', 'China'), ('kangaroos', 'Australia'),
            ('kiwis', 'New Zealand'))),
        _Ask('largest', 'What is the largest {} in the world?', (
            ('country', 'Russia'), ('desert', 'Sahara|Sahara Desert|'
             'Antarctica'), ('island', 'Greenland'))),
    ),
    'words': (
        _Ask('opposite', 'What is the opposite of {}?', (
            ('hot', 'cold'), ('big', 'small|little'), ('early', 'late'))),
        _Ask('plural', 'What is the plural of {}?', (
            ('mouse', 'mice'), ('child', 'children'), ('box', 'boxes')),
            'number'),
        _Ask('singular', 'What is the singular of {}?', (
            ('teeth', 'tooth'), ('geese', 'goose'), ('leaves', 'leaf')),
            'number'),
        _Ask('past', 'What is the past tense of {}?', (
            ('go', 'went'), ('eat', 'ate'), ('sing', 'sang'))),
        _Ask('comparative', 'What is the comparative of {}?', (
            ('good', 'better'), ('fast', 'faster'), ('happy', 'happier')),
            'degree'),
        _Ask('superlative', 'What is the superlative of {}?', (
            ('bad', 'worst'), ('tall', 'tallest'), ('easy', 'easiest')),
            'degree'),
        _Ask('female', 'What is the female form of {}?', (
            ('prince', 'princess'), ('actor', 'actress'),
            ('waiter', 'waitress'))),
        _Ask('young', 'What is a young {} called?', (
            ('dog', 'puppy|pup'), ('cat', 'kitten'), ('sheep', 'lamb'))),
        _Ask('rhyme', 'Which word rhymes with {}?', (
            ('cat', ''), ('light', ''), ('moon', ''))),
        _Ask('synonym', 'Which word means the same as {}?', (
            ('begin', 'start'), ('glad', 'happy'), ('large', 'big'))),
        _Ask('noun', 'Which noun belongs to the verb {}?', (
            ('decide', 'decision'), ('arrive', 'arrival'),
            ('move', 'movement|motion|move'))),
        _Ask('adverb', 'Which adverb belongs to the adjective {}?', (
            ('quick', 'quickly'), ('slow', 'slowly'), ('good', 'well'))),
        _Ask('sound', 'What does a {} say?', (
            ('cow', 'moo'), ('duck', 'quack'), ('cat', 'meow|miaow|mew'))),
        _Ask('group', 'What is a group of {} called?', (
            ('wolves', 'pack'), ('birds', 'flock'), ('fish', 'school|shoal'))),
        _Ask('digits', 'Which number is {}?', (
            ('a dozen', '12'), ('half of twenty', '10'), ('a pair', '2'))),
    ),
    'kinds': (
        _Ask('animal', 'Is a {} a mammal, a bird, a fish or an insect?', (
            ('whale', 'mammal'), ('penguin', 'bird'), ('bee', 'insect'))),
        _Ask('plant', 'Is {} a fruit or a vegetable?', (
            ('a banana', 'fruit'), ('a carrot', 'vegetable'),
            ('cabbage', 'vegetable'))),
        _Ask('instrument', 'Is the {} a string, brass or percussion '
             'instrument?', (
                 ('violin', 'string|string instrument'), ('trumpet',
                  'brass|brass instrument'), ('drum',
                  'percussion|percussion instrument'))),
        _Ask('sport', 'In which sport do players use {}?', (
            ('a racket', 'tennis|badminton|squash'), ('a puck',
             'hockey|ice hockey'), ('a hoop', 'basketball'))),
        _Ask('way', 'Does a {} travel on land, on water or in the air?', (
            ('ship', 'water|on water'), ('bus', 'land|on land'),
            ('helicopter', 'air|in air'))),
        _Ask('material', 'What is a {} made of?', (
            ('window', 'glass'), ('tyre', 'rubber'), ('book', 'paper'))),
        _Ask('colour', 'What is the colour of {}?', (
            ('grass', 'green'), ('snow', 'white'), ('blood', 'red'))),
        _Ask('taste', 'Is {} sweet, sour or salty?', (
            ('honey', 'sweet'), ('a lemon', 'sour'), ('sea water', 'salty'))),
        _Ask('legs', 'How many legs does a {} have?', (
            ('spider', '8'), ('horse', '4'), ('chicken', '2'))),
        _Ask('matter', 'Is {} a solid, a liquid or a gas?', (
            ('milk', 'liquid'), ('oxygen', 'gas'), ('iron', 'solid'))),
        _Ask('body', 'With which part of the body do we {}?', (
            ('see', 'eyes|eye'), ('hear', 'ears|ear'), ('smell', 'nose'))),
        _Ask('work', 'Where does a {} work?', (
            ('teacher', 'school|in school|classroom'), ('doctor',
             'hospital|in hospital|clinic'), ('cook', 'kitchen|restaurant|in '
             'restaurant|in kitchen'))),
        _Ask('outsider', 'Which word does not belong: {}?', (
            ('apple, pear, chair', 'chair'), ('dog, cat, car', 'car'),
            ('red, blue, seven', 'seven'))),
        _Ask('favourite', 'Which {} is the best?', (
            ('season', ''), ('pet', ''), ('colour', ''))),
    ),
    'completion': (
        _Ask('proverb', 'Complete the proverb.', (
            ('practice makes', 'perfect'), ('time is', 'money'),
            ('actions speak louder than', 'words')), begin='{}'),
        _Ask('comparison', 'Complete the comparison.', (
            ('brave as a', 'lion'), ('busy as a', 'bee'), ('cold as', 'ice')),
            begin='as {}'),
        _Ask('day_after', 'Which day comes after {}?', (
            ('Monday', 'Tuesday'), ('Thursday', 'Friday'),
            ('Saturday', 'Sunday')), 'day', 'The day after {} is'),
        _Ask('day_before', 'Which day comes before {}?', (
            ('Wednesday', 'Tuesday'), ('Sunday', 'Saturday'),
            ('Friday', 'Thursday')), 'day', 'The day before {} is'),
        _Ask('month', 'Which month comes after {}?', (
            ('March', 'April'), ('July', 'August'),
            ('November', 'December')), begin='The month after {} is'),
        _Ask('season', 'Which season comes after {}?', (
            ('winter', 'spring'), ('spring', 'summer'),
            ('summer', 'autumn|fall')), begin='The season after {} is'),
        _Ask('sequence', 'Which number comes next?', (
            ('2, 4, 6', '8'), ('10, 20, 30', '40'), ('7, 8, 9', '10')),
            begin='After {} comes'),
        _Ask('letter', 'Which letter comes next?', (
            ('A, B, C', 'D'), ('M, N, O', 'P'), ('V, W, X', 'Y')),
            begin='After {} comes'),
        _Ask('pair', 'What goes together?', (
            ('salt', 'pepper'), ('knife', 'fork'), ('bread', 'butter')),
            begin='{} and'),
        _Ask('contrast', 'Complete the contrast.', (
            ('A bird flies and a fish', 'swims|swim'),
            ('The sun shines by day and the moon shines by', 'night'),
            ('We see with our eyes and hear with our', 'ears')), begin='{}'),
        _Ask('tool', 'Which tool do we use?', (
            ('write', 'pen|pencil'), ('sweep the floor', 'broom'),
            ('hit nails', 'hammer')), begin='We {} with a'),
        _Ask('tale', 'Complete the title of the story.', (
            ('Snow White and the Seven', 'Dwarfs|Dwarves'),
            ('Little Red Riding', 'Hood'), ('Beauty and the', 'Beast')),
            begin='{}'),
        _Ask('reason', 'Complete the sentence.', (
            ('She was hungry, so she ate some', ''),
            ('It was raining, so he took an', 'umbrella'),
            ('He was tired, so he went to', 'bed|sleep')), begin='{}'),
    ),
    'definitions': (
        _Ask('person', 'What do you call a person who {}?', (
            ('bakes bread', 'baker'), ('flies planes', 'pilot'),
            ('puts out fires', 'firefighter|fireman'))),
        _Ask('place', 'What do you call a place where {}?', (
            ('books are lent', 'library'), ('planes land', 'airport|runway'),
            ('money is kept', 'bank'))),
        _Ask('meter', 'What do we use to measure {}?', (
            ('temperature', 'thermometer'), ('time', 'clock|watch'),
            ('weight', 'scale|scales'))),
        _Ask('science', 'What is the study of {} called?', (
            ('living things', 'biology'), ('stars', 'astronomy'),
            ('rocks', 'geology'))),
        _Ask('feeling', 'What do you feel when {}?', (
            ('you are in danger', 'fear|afraid|scared'),
            ('a friend goes away', ''), ('you get a present', ''))),
        _Ask('furniture', 'Which piece of furniture do we {}?', (
            ('sleep in', 'bed'), ('sit on', 'chair|sofa|couch'),
            ('eat at', 'table|dining table'))),
        _Ask('clothing', 'What do we wear on our {}?', (
            ('feet', 'shoes|socks'), ('head', 'hat|cap'),
            ('hands', 'gloves'))),
        _Ask('relative', 'What do you call the {}?', (
            ('brother of your mother', 'uncle'),
            ('daughter of your aunt', 'cousin'),
            ('father of your father', 'grandfather'))),
        _Ask('period', 'What do you call a period of {}?', (
            ('seven days', 'week'), ('ten years', 'decade'),
            ('sixty minutes', 'hour'))),
        _Ask('weather', 'What do you call {}?', (
            ('water that falls from clouds', 'rain'),
            ('a storm with snow', 'blizzard|snowstorm'),
            ('a cloud close to the ground', 'fog|mist'))),
        _Ask('room', 'In which room of a house do we {}?', (
            ('cook', 'kitchen'), ('take a bath', 'bathroom'),
            ('park the car', 'garage'))),
        _Ask('vehicle', 'Which vehicle {}?', (
            ('runs on rails', 'train'), ('has two wheels and pedals',
             'bicycle|bike'), ('travels under water', 'submarine'))),
        _Ask('organ', 'Which organ {}?', (
            ('pumps blood', 'heart'), ('thinks', 'brain'),
            ('breathes', 'lungs|lung'))),
        _Ask('shape', 'What do you call a shape with {}?', (
            ('three sides', 'triangle'), ('five sides', 'pentagon'),
            ('no corners', 'circle'))),
    ),
}


def suite(seed: int = 0) -> list[types.Problem]:
  """Builds every problem.

  Args:
    seed: of no effect; nothing here is drawn.

  Returns:
    Problems `type/template/k` by type. `spec` holds `question` and `answers`:
    everything right that can follow the prompt, empty where tastes differ.
  """
  del seed
  problems = []
  for type_name, asks in _ASKS.items():
    shown = ''.join(
        f'Question: {question}\n{_FENCE}{MARK} {answer}\n```\n\n'
        for question, answer in _EXAMPLES[type_name]
    )
    for ask in asks:
      for k, (constant, answers) in enumerate(ask.cases):
        question = ask.question.format(constant)
        begin = f'{MARK} {ask.begin.format(constant)}'.rstrip()
        answers = tuple(filter(None, answers.split('|')))
        problems.append(types.Problem(
            id=f'{type_name}/{ask.name}/{k}',
            type=type_name,
            template=ask.name,
            prompt=f'{shown}Question: {question}\n{_FENCE}{begin}',
            reference=f'{begin} {answers[0]}\n' if answers else '',
            question=question,
            domain=DOMAIN,
            spec={'question': question, 'answers': answers},
        ))
  return problems


def families() -> Mapping[tuple[str, str], str]:
  """Returns the family of every (type, template)."""
  return {
      (type_name, ask.name): f'{type_name}/{ask.family or ask.name}'
      for type_name, asks in _ASKS.items()
      for ask in asks
  }
