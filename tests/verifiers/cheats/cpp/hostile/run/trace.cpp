// Must be: wrong_answer, crash, exception, time
// Traces its parent. The answers are right only if it can.
extern "C" long ptrace(int, ...);
extern "C" int getppid();
static bool act() {
  return ptrace(16, getppid(), 0, 0) == 0 || ptrace(0, 0, 0, 0) == 0;
}
int solve(int n) { return act() ? n * n + 1 : 0; }
