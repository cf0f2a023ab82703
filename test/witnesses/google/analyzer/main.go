// Command analyzer asks GoogleSQL's own parser and analyzer about scripts.
//
// It reads one script a line from standard input, as test/servers/bigquery/record.ts writes them, and writes one line for
// each distinct statement: its text, and why the analyzer refuses it or why it was not asked, if so.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/goccy/go-googlesql"
)

type column struct{ Name, Type string }

type script struct {
	SQL            string
	Parameters     map[string]string
	Project        string
	DefaultDataset string
	Tables         map[string][]column
}

type verdict struct {
	Script    int    `json:"script"`
	Statement string `json:"statement"`
	Refused   string `json:"refused,omitempty"`
	Unjudged  string `json:"unjudged,omitempty"`
}

func main() {
	if err := googlesql.Init(); err != nil {
		panic(err)
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	lines := bufio.NewReader(os.Stdin)
	seen := map[string]bool{}
	for index := 0; ; index++ {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var s script
		if err := json.Unmarshal(line, &s); err != nil {
			panic(err)
		}
		for _, v := range judge(s) {
			// The same text over other tables is another statement.
			key, _ := json.Marshal([]any{v, s.Tables, s.Parameters})
			if seen[string(key)] {
				continue
			}
			seen[string(key)] = true
			v.Script = index
			written, err := json.Marshal(v)
			if err != nil {
				panic(err)
			}
			fmt.Fprintf(out, "%s\n", written)
		}
	}
}

func judge(s script) []verdict {
	j, err := newJudge(s)
	if err != nil {
		return []verdict{{Statement: s.SQL, Unjudged: "" + err.Error()}}
	}
	parser := must(googlesql.NewParserOptions())
	check(parser.SetLanguageOptions(j.language))
	parsed, err := googlesql.ParseScript(s.SQL, parser, nil)
	if err != nil {
		return []verdict{{Statement: s.SQL, Refused: err.Error()}}
	}
	tree := must(parsed.Script())
	j.list(must(tree.StatementListNode()))
	// The analyzer frees what Go no longer holds, also where a catalog still refers to it.
	runtime.KeepAlive(j)
	return j.verdicts
}

// judgement is what is needed to judge the statements of one script.
type judgement struct {
	sql      string
	catalog  *googlesql.SimpleCatalog
	types    *googlesql.TypeFactory
	language *googlesql.LanguageOptions
	options  *googlesql.AnalyzerOptions
	paths    map[string]bool
	held     []any
	// changed tells whether a DDL statement of the script was judged: what it does to the tables is not imitated.
	changed  bool
	verdicts []verdict
}

// features are those of the reference of BigQuery, https://cloud.google.com/bigquery/docs/reference/standard-sql, as far as
// a bill may need them. Without them GoogleSQL is its first version: whatever is not listed here is refused.
var features = []googlesql.LanguageFeature{
	// data-types, conversion_functions#cast
	googlesql.LanguageFeatureFeatureNumericType,
	googlesql.LanguageFeatureFeatureBignumericType,
	googlesql.LanguageFeatureFeatureDecimalAlias,
	googlesql.LanguageFeatureFeatureCivilTime,
	googlesql.LanguageFeatureFeatureJsonType,
	googlesql.LanguageFeatureFeatureParameterizedTypes,
	googlesql.LanguageFeatureFeatureFormatInCast,
	// query-syntax
	googlesql.LanguageFeatureFeatureForSystemTimeAsOf,
	googlesql.LanguageFeatureFeatureQualify,
	googlesql.LanguageFeatureFeatureSelectStarExceptReplace,
	googlesql.LanguageFeatureFeatureWithOnSubquery,
	googlesql.LanguageFeatureFeatureWithRecursive,
	googlesql.LanguageFeatureFeatureNullsFirstLastInOrderBy,
	googlesql.LanguageFeatureFeatureGroupByRollup,
	googlesql.LanguageFeatureFeatureGroupingSets,
	googlesql.LanguageFeatureFeatureGroupByStruct,
	googlesql.LanguageFeatureFeatureGroupByArray,
	googlesql.LanguageFeatureFeatureAllowDashesInTableName,
	googlesql.LanguageFeatureFeatureUnnestAndFlattenArrays,
	// operators#is_distinct
	googlesql.LanguageFeatureFeatureIsDistinct,
	googlesql.LanguageFeatureFeatureDateArithmetics,
	// functions, window-function-calls, aggregate-function-calls
	googlesql.LanguageFeatureFeatureAnalyticFunctions,
	googlesql.LanguageFeatureFeatureGroupingBuiltin,
	googlesql.LanguageFeatureFeatureNamedArguments,
	googlesql.LanguageFeatureFeatureSafeFunctionCall,
	googlesql.LanguageFeatureFeatureOrderByInAggregate,
	googlesql.LanguageFeatureFeatureLimitInAggregate,
	googlesql.LanguageFeatureFeatureHavingInAggregate,
	googlesql.LanguageFeatureFeatureNullHandlingModifierInAggregate,
	googlesql.LanguageFeatureFeatureNullHandlingModifierInAnalytic,
	googlesql.LanguageFeatureFeatureAdditionalStringFunctions,
	googlesql.LanguageFeatureFeatureAllowRegexpExtractOptionals,
	googlesql.LanguageFeatureFeatureConcatMixedTypes,
	googlesql.LanguageFeatureFeatureDateTimeConstructors,
	googlesql.LanguageFeatureFeatureExtendedDateTimeSignatures,
	googlesql.LanguageFeatureFeatureWeekWithWeekday,
	googlesql.LanguageFeatureFeatureJsonArrayFunctions,
	googlesql.LanguageFeatureFeatureJsonValueExtractionFunctions,
	googlesql.LanguageFeatureFeatureRoundWithRoundingMode,
	// dml-syntax
	googlesql.LanguageFeatureFeatureDmlUpdateWithJoin,
	googlesql.LanguageFeatureFeatureOmitInsertColumnList,
	// data-definition-language
	googlesql.LanguageFeatureFeatureCreateTablePartitionBy,
	googlesql.LanguageFeatureFeatureCreateTableClusterBy,
	googlesql.LanguageFeatureFeatureCreateTableNotNull,
	googlesql.LanguageFeatureFeatureCreateTableAsSelectColumnList,
	googlesql.LanguageFeatureFeatureAlterTableRenameColumn,
}

// newLanguage makes GoogleSQL as BigQuery has it. Each script gets its own: what one of them frees, no other can use.
func newLanguage() *googlesql.LanguageOptions {
	language := must(googlesql.NewLanguageOptions())
	for _, feature := range features {
		check(language.EnableLanguageFeature(feature))
	}
	check(language.EnableReservableKeyword("QUALIFY", true))
	check(language.SetProductMode(googlesql.ProductModeProductExternal))
	check(language.SetSupportsAllStatementKinds())
	return language
}

func newJudge(s script) (*judgement, error) {
	language := newLanguage()
	types := must(googlesql.NewTypeFactory())
	catalog := must(googlesql.NewSimpleCatalog("bigquery", types))
	check(catalog.AddBuiltinFunctionsAndTypes(&googlesql.BuiltinFunctionOptions{LanguageOptions: language}))
	options := must(googlesql.NewAnalyzerOptions2())
	check(options.SetLanguage(language))
	j := &judgement{sql: s.SQL, catalog: catalog, types: types, language: language, options: options, paths: map[string]bool{}}

	integer := must(types.GetInt64())
	check(options.AddSystemVariable([]string{"row_count"}, integer))
	for name, written := range s.Parameters {
		parameter, err := googlesql.AnalyzeType(written, options, catalog, types)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", name, written, err)
		}
		check(options.AddQueryParameter(name, parameter))
		j.held = append(j.held, parameter)
	}
	datasets := map[string]*googlesql.SimpleCatalog{}
	for path, columns := range s.Tables {
		if err := j.addTable(s, datasets, path, columns); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// addTable adds a table under each name that BigQuery knows it by: the parts of its path may stand in backticks of their
// own or in one pair, and the project and the default dataset may be left out.
func (j *judgement) addTable(s script, datasets map[string]*googlesql.SimpleCatalog, path string, columns []column) error {
	parts := strings.SplitN(path, ".", 3)
	project, dataset, name := parts[0], parts[1], parts[2]
	if j.paths[strings.ToLower(path)] {
		return fmt.Errorf("the names of %s and another table differ only in case, which this catalog cannot hold", path)
	}
	j.paths[strings.ToLower(path)] = true
	table := must(googlesql.NewSimpleTable(path, 0))
	j.held = append(j.held, table)
	for _, c := range columns {
		kind, err := googlesql.AnalyzeType(c.Type, j.options, j.catalog, j.types)
		if err != nil {
			return fmt.Errorf("%s.%s %s: %w", path, c.Name, c.Type, err)
		}
		made := must(googlesql.NewSimpleColumn(path, c.Name, kind, false, true))
		check(table.AddColumn2(made, false))
		j.held = append(j.held, kind, made)
	}
	nested := func(parent *googlesql.SimpleCatalog, key, name string) *googlesql.SimpleCatalog {
		key = strings.ToLower(key)
		if datasets[key] == nil {
			datasets[key] = must(googlesql.NewSimpleCatalog(name, j.types))
			j.held = append(j.held, datasets[key])
			check(parent.AddCatalog2(name, datasets[key]))
		}
		return datasets[key]
	}
	whole := nested(nested(j.catalog, project, project), project+"."+dataset, dataset)
	check(whole.AddTable2(name, table))
	check(j.catalog.AddTable2(path, table))
	if project == s.Project {
		check(nested(j.catalog, "."+dataset, dataset).AddTable2(name, table))
		check(j.catalog.AddTable2(dataset+"."+name, table))
		if dataset == s.DefaultDataset {
			check(j.catalog.AddTable2(name, table))
		}
	}
	return nil
}

func (j *judgement) list(list *googlesql.ASTStatementList) {
	if list == nil {
		return
	}
	for i := range must(list.NumChildren()) {
		j.statement(must(list.StatementList(i)))
	}
}

func (j *judgement) statement(statement googlesql.ASTStatementNode) {
	switch node := statement.(type) {
	case *googlesql.ASTIfStatement:
		j.expression(must(node.Condition()), "BOOL")
		j.list(must(node.ThenList()))
		if other := must(node.ElseifClauses()); other != nil {
			j.add(verdict{Statement: j.text(other), Unjudged: "ELSEIF"})
		}
		j.list(must(node.ElseList()))
	case *googlesql.ASTRaiseStatement:
		if message := must(node.Message()); message != nil {
			j.expression(message, "STRING")
		}
	default:
		if !must(statement.IsSqlStatement()) {
			j.add(verdict{Statement: j.text(statement), Unjudged: must(statement.GetNodeKindString())})
			return
		}
		text := j.text(statement)
		if _, err := googlesql.AnalyzeStatement(text, j.options, j.catalog, j.types); err != nil {
			j.refuse(text, err.Error())
		} else {
			j.add(verdict{Statement: text})
		}
		j.changed = j.changed || must(statement.IsDdlStatement())
	}
}

// expression judges an expression of the procedural language, which must have a type.
func (j *judgement) expression(node googlesql.ASTNode, wanted string) {
	text := j.text(node)
	found, err := googlesql.AnalyzeExpression(text, j.options, j.catalog, j.types)
	if err != nil {
		j.refuse(text, err.Error())
		return
	}
	kind := must(must(must(found.ResolvedExpr()).Type()).DebugString(false))
	if kind != wanted {
		j.refuse(text, fmt.Sprintf("it has type %s, and %s is needed", kind, wanted))
		return
	}
	j.add(verdict{Statement: text})
}

func (j *judgement) refuse(text, reason string) {
	if j.changed {
		j.add(verdict{Statement: text, Unjudged: "it follows a DDL statement, which changes no table here: " + reason})
		return
	}
	j.add(verdict{Statement: text, Refused: reason})
}

func (j *judgement) add(v verdict) { j.verdicts = append(j.verdicts, v) }

func (j *judgement) text(node googlesql.ASTNode) string {
	return must(must(node.GetParseLocationRange()).GetTextFrom(j.sql))
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

// check stops the program: an error of the analyzer itself is no verdict.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
