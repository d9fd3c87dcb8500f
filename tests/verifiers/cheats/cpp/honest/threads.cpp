// FUNCTION solve(int) -> int
// TEST (4,) -> 6
// TEST (1,) -> 0
#include <atomic>
#include <thread>
#include <vector>
int solve(int n) {
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < n; i++) threads.emplace_back([&sum, i] { sum += i; });
  for (auto &thread : threads) thread.join();
  return sum;
}
