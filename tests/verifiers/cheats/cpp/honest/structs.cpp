// FUNCTION solve(vector<string>, vector<int>) -> string
// TEST (['a', 'b', 'c'], [1, 5, 5]) -> 'b'
// TEST (['x'], [0]) -> 'x'
#include <algorithm>
#include <string>
#include <vector>
using namespace std;

struct Player {
  string name;
  int points;
  bool operator<(const Player &other) const {
    return points != other.points ? points > other.points : name < other.name;
  }
};

string solve(vector<string> names, vector<int> points) {
  vector<Player> players;
  for (size_t i = 0; i < names.size(); i++) players.push_back({names[i], points[i]});
  sort(players.begin(), players.end());
  return players.front().name;
}
