// Must be: time
// Sleeps.
#include <chrono>
#include <thread>
int solve(int n) {
  std::this_thread::sleep_for(std::chrono::seconds(60));
  return n * n + 1;
}
