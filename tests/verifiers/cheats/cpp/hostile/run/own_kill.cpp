// Must be: wrong_answer, crash, time
// Ends itself as the host would.
#include <csignal>
extern "C" int kill(int, int);
extern "C" int getpid();
int solve(int n) {
  kill(getpid(), 9);
  std::raise(SIGKILL);
  std::raise(SIGSTOP);
  return 0;
}
