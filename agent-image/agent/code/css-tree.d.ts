// Parts of css-tree that its types do not name. The whole of it reads data files that no bundle
// holds.
declare module 'css-tree/parser' {
  import type { parse } from 'css-tree'

  const parser: typeof parse
  // oxlint-disable-next-line import/no-default-export -- the package has no other
  export default parser
}

declare module 'css-tree/tokenizer' {
  export { tokenize, tokenNames } from 'css-tree'
}
