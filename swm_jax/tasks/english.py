"""About 2,000 words of public-domain English, to measure drift away from code.

Passages of Lincoln (Gettysburg Address; Second Inaugural, last paragraph), the
Declaration of Independence, the preamble of the Constitution of the United
States, Carroll (Alice's Adventures in Wonderland, chapter 1), Austen (Pride and
Prejudice, chapter 1), Melville (Moby-Dick, chapter 1) and Dickens (A Tale of
Two Cities, chapter 1). A model has read them all: their perplexity is low, and
serves to compare a model with its own past, nothing else.
"""

from importlib import resources


def text() -> str:
  """Returns the whole text, paragraphs separated by empty lines."""
  file = resources.files('swm_jax.tasks').joinpath('english.txt')
  return file.read_text(encoding='utf-8').strip()


def paragraphs() -> list[str]:
  """Returns the paragraphs in order, none of them empty."""
  return [p.strip() for p in text().split('\n\n') if p.strip()]
