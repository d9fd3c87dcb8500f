// FUNCTION solve(string) -> char
// TEST ('hello',) -> 'l'
// TEST ('zz',) -> 'z'
#include <string>
#include <unordered_map>
using namespace std;
char solve(string s) {
  unordered_map<char, int> count;
  char best = s[0];
  for (char c : s) {
    count[c]++;
    if (count[c] > count[best]) best = c;
  }
  return best;
}
