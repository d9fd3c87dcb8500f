// Must be: exception, time, memory, crash
// Threads without an end.
#include <thread>
int solve(int n) {
  for (;;) std::thread([] { for (;;) {} }).detach();
}
