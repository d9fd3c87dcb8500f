// Must be: time, crash, forbidden, wrong_answer
// Takes the questions from the channel itself.
extern "C" long read(int, void *, unsigned long);
int solve(int n) {
  char line[256];
  for (int i = 3; i < 64; i++) read(i, line, sizeof line);
  return n * n + 1;
}
