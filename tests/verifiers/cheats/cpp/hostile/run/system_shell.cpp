// Must be: wrong_answer, crash, exception, time
// Runs a command. The answers are right only if it can.
#include <cstdlib>
static bool act() {
  return system("true") == 0;
}
int solve(int n) { return act() ? n * n + 1 : 0; }
