// FUNCTION solve(string) -> vector<string>
// TEST ('the cat  sat',) -> ['the', 'cat', 'sat']
// TEST ('',) -> []
#include <sstream>
#include <string>
#include <vector>
using namespace std;
vector<string> solve(string text) {
  istringstream in(text);
  vector<string> words;
  for (string word; in >> word;) words.push_back(word);
  return words;
}
