// Must be: wrong_answer, crash, exception, time
// Ends its parent. The answers are right only if it can.
extern "C" int kill(int, int);
extern "C" int getppid();
static bool act() {
  return kill(getppid(), 9) == 0 || kill(@PARENT@, 9) == 0 || kill(-1, 9) == 0;
}
int solve(int n) { return act() ? n * n + 1 : 0; }
