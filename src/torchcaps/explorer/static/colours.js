// One colour a network, the same wherever it appears; the values are in style.css, for both themes.

const BY_NAME = {
  capsnet_small: 1,
  capsnet: 1,
  capsnet_sabour2017: 4,
  equivariant_capsnet: 2,
  cnn: 3,
  pooled_cnn: 5,
};
const ALL = [1, 2, 3, 4, 5, 6];

/** Model id to the name of a style sheet's colour; two networks of one set never share one. */
export function coloursOf(models) {
  const given = new Map();
  const taken = new Set();
  for (const { id, name } of models) {
    const wanted = BY_NAME[name];
    const free = ALL.find((one) => !taken.has(one) && !Object.values(BY_NAME).includes(one));
    const number = wanted && !taken.has(wanted) ? wanted : (free ?? ALL.find((one) => !taken.has(one)) ?? 6);
    taken.add(number);
    given.set(id, `var(--model-${number})`);
  }
  return given;
}
