/**
 * The parts of a statement that may be there, with their fields; what is not listed is refused. `name:Type` is a field that holds
 * a part of that type without saying so. Taken from the parse trees of PostgreSQL: nothing here writes, locks or names a place.
 */
const PARTS: Readonly<Record<string, string>> = {
  SelectStmt: `distinctClause targetList fromClause whereClause groupClause groupDistinct havingClause windowClause valuesLists
    sortClause limitOffset limitCount limitOption op all larg:SelectStmt rarg:SelectStmt withClause:WithClause`,
  WithClause: 'ctes recursive',
  CommonTableExpr: 'ctename aliascolnames ctematerialized ctequery',
  ResTarget: 'name val',
  RangeVar: 'relname inh relpersistence alias:Alias',
  RangeSubselect: 'lateral subquery alias:Alias',
  RangeFunction: 'lateral ordinality is_rowsfrom functions alias:Alias',
  JoinExpr: 'jointype isNatural larg rarg usingClause join_using_alias:Alias quals alias:Alias',
  Alias: 'aliasname colnames',
  ColumnRef: 'fields',
  A_Star: '',
  ParamRef: 'number',
  A_Const: 'ival:Integer fval:Float boolval:Boolean sval:String bsval:BitString isnull',
  Integer: 'ival',
  Float: 'fval',
  Boolean: 'boolval',
  String: 'sval',
  BitString: 'bsval',
  A_Expr: 'kind name lexpr rexpr',
  BoolExpr: 'boolop args',
  NullTest: 'arg nulltesttype',
  BooleanTest: 'arg booltesttype',
  CaseExpr: 'arg args defresult',
  CaseWhen: 'expr result',
  CoalesceExpr: 'args',
  MinMaxExpr: 'op args',
  RowExpr: 'args row_format',
  A_ArrayExpr: 'elements',
  A_Indirection: 'arg indirection',
  A_Indices: 'is_slice lidx uidx',
  List: 'items',
  SubLink: 'subLinkType testexpr operName subselect',
  FuncCall: `funcname args agg_order agg_filter agg_within_group agg_star agg_distinct func_variadic funcformat over:WindowDef`,
  WindowDef: 'name refname partitionClause orderClause frameOptions startOffset endOffset',
  SortBy: 'node sortby_dir sortby_nulls',
  GroupingSet: 'kind content',
  GroupingFunc: 'args',
  SQLValueFunction: 'op typmod',
  TypeCast: 'arg typeName:TypeName',
  TypeName: 'names typmods typemod arrayBounds',
  CollateClause: 'arg collname',
  SetToDefault: 'typeMod',
  OnConflictClause: 'action infer:InferClause targetList whereClause',
  InferClause: 'indexElems whereClause',
  IndexElem: 'name ordering nulls_ordering',
  ReturningClause: 'exprs',
}

/** Statements that write. They are looked for at the top alone, so none is let into another, nor into a WITH. */
const WRITES: Readonly<Record<string, string>> = {
  InsertStmt: `relation:RangeVar cols selectStmt onConflictClause:OnConflictClause returningClause:ReturningClause
    withClause:WithClause override`,
  UpdateStmt:
    'relation:RangeVar targetList whereClause fromClause returningClause:ReturningClause withClause:WithClause',
  DeleteStmt:
    'relation:RangeVar usingClause whereClause returningClause:ReturningClause withClause:WithClause',
}

/** Fields that say where a part stands in the text. */
export const PLACES: ReadonlySet<string> = new Set(
  'location stmt_location stmt_len rexpr_list_start rexpr_list_end list_start list_end'.split(' '),
)

/** The fields of each part: the type that a field holds, or `any`. */
type Grammar = ReadonlyMap<string, ReadonlyMap<string, string>>

const grammarOf = (parts: Readonly<Record<string, string>>): Grammar =>
  new Map(
    Object.entries(parts).map(([part, fields]) => [
      part,
      new Map(
        fields
          .split(/\s+/u)
          .filter((field) => field !== '')
          .map((field) => {
            const [name = '', type = 'any'] = field.split(':')
            return [name, type] as const
          }),
      ),
    ]),
  )

/** What only reads. */
export const GRAMMAR: Grammar = grammarOf(PARTS)
/** What writes. */
export const WRITE_GRAMMAR: Grammar = grammarOf(WRITES)

/** Types to which a value may be cast: none of them names an object of the database. */
export const TYPES: ReadonlySet<string> = new Set(
  `bool int2 int4 int8 float4 float8 numeric text varchar bpchar char date time timetz timestamp timestamptz interval uuid json
  jsonb bytea bit varbit inet cidr`.split(/\s+/u),
)

/** Operators that only compute. */
export const OPERATORS: ReadonlySet<string> = new Set(
  '+ - * / % ^ = <> != < > <= >= || & | # << >> -> ->> #> #>> #- @> <@ && |/ ||/ @ -|- ^@'.split(' '),
)
/** Operators that match patterns; they are granted as `like`. */
export const PATTERNS: ReadonlySet<string> = new Set('~ ~* !~ !~* ~~ ~~* !~~ !~~*'.split(' '))
