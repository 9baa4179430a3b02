// The syntax of SQL: a statement is right when PostgreSQL's grammar or SQLite takes it.
import type { DatabaseSync } from 'node:sqlite'
import { parse } from 'pgsql-ast-parser'
import type { Syntax } from './syntax.ts'

/** A longer statement is mostly data, and takes the parser for PostgreSQL too long. */
const longestStatement = 20_000

/** Signs of MySQL, T-SQL, Oracle, and of psql's own commands. */
const otherDialects =
  /\bENGINE\s{0,9}=|\bAUTO_INCREMENT\b|\bUNSIGNED\b|^\s{0,99}DELIMITER\b|^\s{0,99}GO\s{0,99}$|\bN?VARCHAR2?\s{0,9}\(\s{0,9}MAX|\bNVARCHAR\b|\bVARCHAR2\b|\bIDENTITY\s{0,9}\(|\[dbo\]|\bDECLARE\s{1,9}@|@@\w|(?:SET|EXEC|SELECT)\s{1,9}@\w|\bBEGIN\s{1,9}TRY\b|\bTOP\s{1,9}\(?\d|^\/\s{0,99}$|\bNUMBER\s{0,9}\(|\bDUAL\b|\bNVL2?\s{0,9}\(|\bSYSDATE\b|\bCONNECT\s{1,9}BY\b|\bSHOW\s{1,9}\w|^\s{0,99}\\\w|\bPRAGMA\b|\bCOLLATE\s{1,9}utf8|\bFULLTEXT\b|\bTINYINT\b|\bMEDIUMTEXT\b|\bLONGTEXT\b|\bON\s{1,9}DUPLICATE\b|^\s{0,99}#/im

/** Forms that PostgreSQL takes and its parser here does not. */
const beyondParser =
  /\$\w{0,60}\$|\bLANGUAGE\b|\bPARTITION\s{1,9}(?:BY\s{1,9}(?:RANGE|LIST|HASH)|OF)\b|\bEXCLUDE\b|\bLATERAL\b|\bGROUPING\s{1,9}SETS\b|\bCUBE\b|\bROLLUP\b|\bWITHIN\s{1,9}GROUP\b|\bTABLESAMPLE\b|\bOVER\b|\bINHERITS\b|\bFILTER\b|\bWITH\s{1,9}ORDINALITY\b|\bRECURSIVE\b|\bOPERATOR\b|\bINCLUDE\b|\bCONCURRENTLY\b|\bUSING\b|\bTSVECTOR\b|\bVECTOR\b|\bSIMILAR\b|\bOVERLAPS\b|\bFOR\s{1,9}(?:UPDATE|SHARE|NO|KEY)\b|\bDEFERR|\bNULLS\b|\bFETCH\b|\bMATCH\b|\bINTERVAL\b|\bAT\s{1,9}TIME\b|\bJSON_|\bARRAY\b|\bROW\b|[~@#?|&<>-]{2,}|:/i

const firstWords =
  /^(?:SELECT|WITH|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|TRUNCATE|BEGIN|START|COMMIT|ROLLBACK|END|SET|RESET|SHOW|USE|GRANT|REVOKE|COMMENT|DO|CALL|EXEC|EXECUTE|DECLARE|EXPLAIN|ANALYZE|ANALYSE|VACUUM|REINDEX|CLUSTER|COPY|LOCK|LISTEN|NOTIFY|UNLISTEN|PREPARE|DEALLOCATE|DISCARD|REFRESH|SECURITY|VALUES|TABLE|MERGE|REPLACE|PRAGMA|ATTACH|DETACH|SAVEPOINT|RELEASE|IMPORT|LOAD|CHECKPOINT|REASSIGN|FETCH|MOVE|CLOSE|ABORT|IF|PRINT|RENAME|DESCRIBE|DESC|KILL|OPTIMIZE|FLUSH|INSTALL|SUMMARIZE|PIVOT|FROM|UPSERT)\b/i
const createdThings =
  /^(?:CREATE|ALTER|DROP)\s+(?:(?:OR|REPLACE|TEMP|TEMPORARY|UNLOGGED|GLOBAL|LOCAL|UNIQUE|VIRTUAL|RECURSIVE|MATERIALIZED|FOREIGN|CONSTRAINT|EVENT|TRUSTED|PROCEDURAL|DEFAULT|TEXT|TABLE|INDEX|VIEW|TRIGGER|FUNCTION|PROCEDURE|ROUTINE|TYPE|SCHEMA|EXTENSION|DATABASE|USER|ROLE|GROUP|SEQUENCE|POLICY|DOMAIN|AGGREGATE|COLLATION|RULE|SERVER|PUBLICATION|SUBSCRIPTION|STATISTICS|LOGIN|CLUSTERED|NONCLUSTERED|FULLTEXT|SPATIAL|EXTERNAL|STREAM|TABLESPACE|OPERATOR|CAST|CONVERSION|LANGUAGE|ACCESS|TRANSFORM|SYNONYM|PACKAGE|MACRO|SECRET|WAREHOUSE|STAGE|PIPE|TASK|DEFINER|ALGORITHM|SQL|SYSTEM|LARGE|OWNED|PRIVILEGES|TRANSIENT|HYBRID|DYNAMIC|ICEBERG|COLUMNSTORE|XML|PRIMARY|BITMAP)\b)/i

/** Statements that both parsers know well enough to be believed. */
const wellKnown =
  /^(?:SELECT|WITH|INSERT|UPDATE|DELETE|VALUES|CREATE\s+(?:TEMP\s+|TEMPORARY\s+)?TABLE|CREATE\s+(?:UNIQUE\s+)?INDEX|CREATE\s+(?:OR\s+REPLACE\s+)?VIEW|DROP\s+(?:TABLE|INDEX|VIEW))\b/i

/** Reads a file statement by statement; nothing is run. */
export function sqlSyntax(text: string): Syntax {
  const source = text.replace(/^\uFEFF/, '')
  if (otherDialects.test(source))
    return { kind: 'unjudged', why: 'it is in a dialect of SQL that nothing here reads' }
  let database: DatabaseSync | undefined
  let unsure: string | undefined
  try {
    for (const { statement, line } of statementsOf(source)) {
      if (statement === undefined)
        return { kind: 'wrong', line, message: 'a string or a comment does not end' }
      if (
        !firstWords.test(statement) ||
        (/^(?:CREATE|ALTER|DROP)\b/i.test(statement) && !createdThings.test(statement))
      )
        return {
          kind: 'wrong',
          line,
          message: `there is no statement that begins with "${start(statement)}"`,
        }
      database ??= emptyDatabase()
      const problem = sqliteProblem(database, statement)
      if (problem === undefined || (problem !== tooDeep && isPostgres(statement))) continue
      if (
        problem !== tooDeep &&
        wellKnown.test(statement) &&
        !beyondParser.test(statement) &&
        statement.length <= longestStatement
      )
        return { kind: 'wrong', line, message: `${problem}, in "${start(statement)}"` }
      unsure ??= `nothing here reads the statement in line ${line}`
    }
    return unsure === undefined ? { kind: 'fine' } : { kind: 'unjudged', why: unsure }
  } finally {
    database?.close()
  }
}

function start(statement: string): string {
  return statement.slice(0, 200).replace(/\s+/g, ' ').slice(0, 40).trim()
}

function emptyDatabase(): DatabaseSync {
  // Loaded only when it is needed, because Node prints a warning whenever this module is loaded.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  return new DatabaseSync(':memory:', { allowExtension: false })
}

const tooDeep = 'too deep'

/** SQLite's message about a statement's syntax. A missing table is not a matter of syntax. */
function sqliteProblem(database: DatabaseSync, statement: string): string | undefined {
  try {
    database.prepare(statement)
    return undefined
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    if (/stack overflow|recursion limit|too (?:large|deep|many|big|long)/i.test(message))
      return tooDeep
    return /syntax error|incomplete input|unrecognized token/.test(message) ? message : undefined
  }
}

function isPostgres(statement: string): boolean {
  if (statement.length > longestStatement) return false
  try {
    parse(statement)
    return true
  } catch {
    return false
  }
}

/**
 * Statements without their semicolons, with the line each begins in; undefined for one that does
 * not end.
 */
function* statementsOf(
  text: string,
): Generator<{ readonly statement: string | undefined; readonly line: number }> {
  const pieces = /--[^\n]*|\/\*|'|"|`|\$\w*\$|;|[^\s\-/'"`$;]+|\s+|[^]/g
  let statement = ''
  let line = 1
  let at = 1
  let depth = 0
  for (let match = pieces.exec(text); match !== null; match = pieces.exec(text)) {
    let [piece] = match
    if (
      piece === '/*' ||
      piece === "'" ||
      piece === '"' ||
      piece === '`' ||
      /^\$\w*\$$/.test(piece)
    ) {
      const end = text.indexOf(piece === '/*' ? '*/' : piece, match.index + piece.length)
      if (end === -1) return yield { statement: undefined, line: at }
      const length = piece === '/*' ? 2 : piece.length
      piece = text.slice(match.index, end + length)
      pieces.lastIndex = end + length
    }
    const isComment = piece.startsWith('--') || piece.startsWith('/*')
    if (statement === '' && !isComment && piece.trim() !== '') line = at
    // The body of a trigger holds statements of its own.
    if (/^(?:BEGIN|CASE)$/i.test(piece) && /^CREATE\s+(?:TEMP\w*\s+)?TRIGGER\b/i.test(statement))
      depth++
    if (/^END$/i.test(piece) && depth > 0) depth--
    if (piece === ';' && depth === 0) {
      if (statement.trim() !== '') yield { statement: statement.trim(), line }
      statement = ''
    } else if (!isComment) {
      statement += statement === '' ? piece.trimStart() : piece
    } else if (statement !== '') {
      statement += ' '
    }
    at += piece.split('\n').length - 1
  }
  if (statement.trim() !== '') yield { statement: statement.trim(), line }
}
