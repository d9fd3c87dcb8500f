-- The theorem is somewhere else.
namespace Other
theorem target : True := trivial
end Other
