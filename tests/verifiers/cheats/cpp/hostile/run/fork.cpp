// Must be: wrong_answer, crash, exception, time
// Forks. The answers are right only if it can.
extern "C" int fork();
static bool act() {
  return fork() >= 0;
}
int solve(int n) { return act() ? n * n + 1 : 0; }
