"""The judge's half of a function-case program, in C++.

`DECLARATIONS` comes before the candidate's text, `call` behind it, and `MAIN`
is a translation unit of its own, compiled once. `MAIN` reads a question a line,
lets the call answer it and writes the answer as one line beginning with the
question's own first word, which nobody can know before. It holds no expected
value: whatever a candidate does to it, it only changes what it answers.

`MAIN` talks to the kernel itself. In a static link a global variable of the
candidate named `read` or `write` would otherwise take the library's place.

Words of a question: integers in decimal, bool as 0 or 1, doubles as the 16 hex
digits of their bits, strings as `s` and their bytes in hex, vectors as their
length followed by the items. Words of an answer: the same with a letter before
(`i`, `b`, `r`, `s`, `v`), or one of `!memory`, `!exception`, `!output`.
"""

from collections.abc import Sequence

MAX_QUESTION_BYTES = 1 << 20
MAX_ANSWER_BYTES = 64 << 10

# Arguments and results whose conversion is compiled with `MAIN`, not with each
# candidate: a sixth of the time of those that have a vector.
_COMMON = tuple(
    f'std::vector<{item}>'
    for item in (
        'int', 'long long', 'double', 'bool', 'std::string', 'std::vector<int>'
    )
)


def _instantiations(prefix: str) -> str:
  lines = [
      f'{prefix}template void take({kind} &);\n'
      f'{prefix}template void give(const {kind} &);\n'
      for kind in _COMMON
  ]
  return f'\nnamespace swm_judge {{\n{"".join(lines)}}}\n'


_CONVERSIONS = """
#include <string>
#include <string_view>
#include <vector>

extern "C" {
long long swm_judge_integer();
double swm_judge_real();
const char *swm_judge_text(unsigned long *size);
void swm_judge_put_bool(bool value);
void swm_judge_put_integer(bool negative, unsigned long long magnitude);
void swm_judge_put_real(double value);
void swm_judge_put_text(const char *text, unsigned long size);
void swm_judge_put_count(unsigned long size);
}

namespace swm_judge {
inline void take(bool &out) { out = swm_judge_integer() != 0; }
inline void take(int &out) { out = swm_judge_integer(); }
inline void take(long &out) { out = swm_judge_integer(); }
inline void take(long long &out) { out = swm_judge_integer(); }
inline void take(double &out) { out = swm_judge_real(); }
inline void take(std::string &out) {
  unsigned long size;
  const char *text = swm_judge_text(&size);
  out.assign(text, size);
}
inline void take(char &out) {
  unsigned long size;
  out = *swm_judge_text(&size);
}
template <class Item> void take(std::vector<Item> &out) {
  long long size = swm_judge_integer();
  out.reserve(size);
  for (long long i = 0; i < size; i++) {
    Item item;
    take(item);
    out.push_back(item);
  }
}

inline void give(unsigned long long value) {
  swm_judge_put_integer(false, value);
}
inline void give(long long value) {
  swm_judge_put_integer(
      value < 0, value < 0 ? 0ULL - (unsigned long long)value : value);
}
inline void give(bool value) { swm_judge_put_bool(value); }
inline void give(char value) { swm_judge_put_text(&value, 1); }
inline void give(short value) { give((long long)value); }
inline void give(int value) { give((long long)value); }
inline void give(long value) { give((long long)value); }
inline void give(unsigned short value) { give((unsigned long long)value); }
inline void give(unsigned value) { give((unsigned long long)value); }
inline void give(unsigned long value) { give((unsigned long long)value); }
inline void give(double value) { swm_judge_put_real(value); }
inline void give(float value) { swm_judge_put_real(value); }
inline void give(long double value) { swm_judge_put_real(value); }
inline void give(const std::string &value) {
  swm_judge_put_text(value.data(), value.size());
}
inline void give(std::string_view value) {
  swm_judge_put_text(value.data(), value.size());
}
inline void give(const char *value) { give(std::string_view(value)); }
template <class Item> void give(const std::vector<Item> &value) {
  swm_judge_put_count(value.size());
  for (unsigned long i = 0; i < value.size(); i++) {
    const Item &item = value[i];
    give(item);
  }
}
}  // namespace swm_judge
"""

# A function task may come with a `main` of its own; nobody calls it.
DECLARATIONS = (
    f'{_CONVERSIONS}{_instantiations("extern ")}'
    '#define main swm_judge_unused_main\n'
)

_MAIN = """
#include <new>

extern "C" void swm_judge_call();

namespace {

constexpr unsigned long kQuestion = @QUESTION@, kAnswer = @ANSWER@;
char question[kQuestion + 2], answer[kAnswer + 2];
unsigned long filled, cursor, line_end, length;
bool full;
int in, out;

#if defined(__x86_64__)
enum { kRead = 0, kWrite = 1, kClose = 3, kDup = 32, kDup3 = 292, kExit = 231 };
long kernel(long number, long a, long b = 0, long c = 0) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
enum { kRead = 63, kWrite = 64, kClose = 57, kDup = 23, kDup3 = 24 };
enum { kExit = 94 };
long kernel(long number, long a, long b = 0, long c = 0) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2)
                   : "memory");
  return x0;
}
#else
#error "the judge knows x86-64 and aarch64"
#endif

[[noreturn]] void leave() {
  for (;;) kernel(kExit, 0);
}

bool read_question() {
  unsigned long rest = filled - line_end;
  for (unsigned long i = 0; i < rest; i++) question[i] = question[line_end + i];
  filled = rest;
  cursor = 0;
  for (unsigned long i = 0;; i++) {
    while (i == filled) {
      if (filled > kQuestion) return false;
      long got = kernel(kRead, in, (long)(question + filled),
                        kQuestion + 1 - filled);
      if (got == -4) continue;
      if (got <= 0) return false;
      filled += got;
    }
    if (question[i] == '\\n') {
      line_end = i + 1;
      return true;
    }
  }
}

// Moves to the next word and returns its size.
unsigned long next_word(const char **word) {
  while (question[cursor] == ' ') cursor++;
  *word = question + cursor;
  while (question[cursor] != ' ' && question[cursor] != '\\n') cursor++;
  return question + cursor - *word;
}

void put(char c) {
  if (length < kAnswer)
    answer[length++] = c;
  else
    full = true;
}

void put_word(const char *word) {
  while (*word) put(*word++);
}

void put_hex(unsigned long long value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    put("0123456789abcdef"[(value >> shift) & 15]);
}

int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

void write_answer() {
  answer[length] = '\\n';
  for (unsigned long sent = 0; sent <= length;) {
    long put = kernel(kWrite, out, (long)(answer + sent), length + 1 - sent);
    if (put == -4) continue;
    if (put <= 0) leave();
    sent += put;
  }
}

}  // namespace

extern "C" {

long long swm_judge_integer() {
  const char *word;
  unsigned long size = next_word(&word), i = size && *word == '-';
  unsigned long long value = 0;
  bool negative = i;
  for (; i < size; i++) value = 10 * value + (word[i] - '0');
  return negative ? 0 - value : value;
}

double swm_judge_real() {
  const char *word;
  unsigned long size = next_word(&word);
  unsigned long long bits = 0;
  for (unsigned long i = 0; i < size; i++) bits = 16 * bits + digit(word[i]);
  double value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// The text takes the place of its own digits.
const char *swm_judge_text(unsigned long *size) {
  const char *word;
  *size = (next_word(&word) - 1) / 2;
  char *text = question + (word - question);
  for (unsigned long i = 0; i < *size; i++)
    text[i] = 16 * digit(word[1 + 2 * i]) + digit(word[2 + 2 * i]);
  return text;
}

void swm_judge_put_bool(bool value) { put_word(value ? " b1" : " b0"); }

void swm_judge_put_integer(bool negative, unsigned long long magnitude) {
  char digits[20];
  int count = 0;
  do digits[count++] = '0' + magnitude % 10;
  while (magnitude /= 10);
  put_word(negative ? " i-" : " i");
  while (count) put(digits[--count]);
}

void swm_judge_put_real(double value) {
  unsigned long long bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  put_word(" r");
  put_hex(bits, 16);
}

void swm_judge_put_text(const char *text, unsigned long size) {
  put_word(" s");
  for (unsigned long i = 0; i < size && !full; i++)
    put_hex((unsigned char)text[i], 2);
}

void swm_judge_put_count(unsigned long size) {
  put_word(" v");
  char digits[20];
  int count = 0;
  do digits[count++] = '0' + size % 10;
  while (size /= 10);
  while (count) put(digits[--count]);
}

}

int main() {
  // What the candidate reads or prints is not the conversation.
  in = kernel(kDup, 0);
  out = kernel(kDup, 1);
  kernel(kDup3, 2, 1, 0);
  kernel(kClose, 0);
  while (read_question()) {
    const char *nonce;
    unsigned long size = next_word(&nonce);
    length = 0;
    full = false;
    for (unsigned long i = 0; i < size; i++) put(nonce[i]);
    const char *failure = nullptr;
    try {
      swm_judge_call();
    } catch (const std::bad_alloc &) {
      failure = " !memory";
    } catch (...) {
      failure = " !exception";
    }
    if (!failure && full) failure = " !output";
    if (failure) {
      length = size;
      put_word(failure);
    }
    write_answer();
  }
  leave();
}
"""

MAIN = _CONVERSIONS + _instantiations('') + _MAIN.replace(
    '@QUESTION@', str(MAX_QUESTION_BYTES)
).replace('@ANSWER@', str(MAX_ANSWER_BYTES))


def call(entry_point: str, parameters: Sequence[str]) -> str:
  """The text behind a candidate that takes a question and gives the answer.

  The function is called by name, so that it may take its arguments by value or
  reference, be overloaded or a template.

  Args:
    entry_point: name of the candidate's function.
    parameters: C++ types of its arguments.
  """
  names = [f'swm_judge_{i}' for i in range(len(parameters))]
  takes = ''.join(
      f'  {kind} {name}; swm_judge::take({name});\n'
      for kind, name in zip(parameters, names, strict=True)
  )
  return (
      '\n#line 1 "call"\n'
      'extern "C" void swm_judge_call() {\n'
      f'{takes}  swm_judge::give({entry_point}({", ".join(names)}));\n}}\n'
  )
